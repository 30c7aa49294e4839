"""How much slower the pages for staff and programs are with 10,000,000 uploads than with 10,000.

    python benchmarks/growth.py --folder /tmp/growth [--databases sqlite postgres] [--rounds 11]

The first run fills the databases by SQL, in some minutes; 10,000,000 rows take 6 GB. They
stay in the folder for the next run. In a round each page is loaded from each database in turn.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.databases import ROOT, databases, environment


class Site:
    """The site with one database, in a process that loads its pages."""

    def __init__(self, url: str):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.pages"],
            cwd=ROOT,
            env=environment(url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pages = self.process.stdout.readline().strip().split("\t")

    def load(self, page: str) -> float:
        """Milliseconds that it took."""
        print(page, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def compare(sites: list[Site], rounds: int, chosen: str) -> None:
    """Print for each page the fastest time in each site, their ratio, and the rounds' median.

    What else the machine does makes a page slower, never faster.
    """
    pages = [page for page in sites[0].pages if chosen in page]
    seen = {page: [] for page in pages}
    for _ in range(rounds + 1):
        for page in pages:
            seen[page].append([site.load(page) for site in sites])
    for page, (_, *times) in seen.items():  # the first is to warm up
        best = [min(each) for each in zip(*times, strict=True)]
        middle = median(large / small for small, *_, large in times)
        line = "".join(f"{each:9.1f} ms" for each in best)
        print(f"  {page:34}{line}{best[-1] / best[0]:8.2f}x{middle:8.2f}x", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgres"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[10_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--pages", default="", help="only those with this in their name")
    options = parser.parse_args()
    for vendor in options.databases:
        with databases(vendor, options.folder.resolve(), options.sizes) as urls:
            print(f"{vendor}:" + "".join(f"{size:12,}" for size in options.sizes), flush=True)
            sites = [Site(url) for url in urls.values()]
            try:
                compare(sites, options.rounds, options.pages)
            finally:
                for site in sites:
                    site.close()


if __name__ == "__main__":
    main()
