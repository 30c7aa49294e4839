"""Half an hour of everything at once on the real server, and then an audit: is anything lost?

    make soak
    python benchmarks/soak.py --minutes 30 --rate 50

Two workers and the worker for trainings serve good and bad uploads, while people review, uploads
are erased, the history is exported, a version is trained and promoted, a batch is read, what is
old is purged, and a backup is made. Prints the tables of docs/reliability.md; exits with 1 when
something is amiss. It takes Linux, and some 2 GB of disk.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mnistsite.settings")

import numpy as np

from benchmarks.story import Story, family, served_by
from benchmarks.traffic import Traffic
from classifier.tests.load import lost
from classifier.tests.server import Server
from classifier.tests.test_loop import drawn

IMAGES = 3_000  # to train on: enough for a network that reads, drawn and learnt in a minute
QUARTERS = (0, 0.25, 0.5, 0.75, 1)


def audit(server: Server, story: Story, workers: list[str]) -> list[str]:
    """What is amiss now that all is quiet: nothing, if the service is what it says."""
    traffic = story.traffic
    amiss = list(story.failures)
    amiss += [
        f"{kind}: {outcome}, {count} times"
        for (kind, outcome), count in traffic.outcomes.items()
        if outcome not in ("200", "201", "404 and the right code", "hung up")
    ]
    amiss += lost(server, set(traffic.answered) - story.erased - story.purged)
    rows = dict(server.execute("select id, upload from classifier_prediction"))
    amiss += [
        f"row {pk} was erased, and its row is gone"
        for pk in story.erased - rows.keys()
        if pk not in story.purged
    ]
    amiss += [f"row {pk} was erased, and has a file" for pk in story.erased if rows.get(pk)]
    amiss += [f"row {pk} was purged, and is there" for pk in story.purged & rows.keys()]
    uploads = {path for path in server.files() if not path.startswith("models/")}
    amiss += [f"{path} belongs to no row" for path in uploads - set(rows.values())]
    amiss += [f"{path} is left" for path in Path(server.environment["TMPDIR"]).iterdir()]
    corrections = dict(server.execute("select id, prediction_id from classifier_correction"))
    kept = {pk: about for pk, about in story.reviews.items() if about not in story.purged}
    amiss += [f"review {pk} is lost" for pk in kept if corrections.get(pk) != kept[pk]]
    amiss += ["a worker was replaced"] if served_by(server) != workers else []
    log = server.output()
    amiss += [f"{word} in the log" for word in ("Traceback", " ERROR ", "locked") if word in log]
    return amiss


def report(story: Story, seconds: float) -> str:
    """The tables: what was sent and answered, how long it took, and the memory."""
    traffic, lines = story.traffic, ["| sent | | outcome | p50 ms | p99 ms | longest ms |"]
    lines.append("|---|---:|---|---:|---:|---:|")
    for kind, taken in sorted(traffic.seconds.items()):
        outcomes = {what: count for (of, what), count in traffic.outcomes.items() if of == kind}
        told = ", ".join(f"{what}: {count:,}" for what, count in sorted(outcomes.items()))
        p50, p99 = (1000 * np.percentile(taken, share) for share in (50, 99))
        lines.append(
            f"| {kind} | {len(taken):,} | {told} | {p50:.0f} | {p99:.0f} "
            f"| {1000 * max(taken):.0f} |"
        )
    total = sum(traffic.outcomes.values())
    lines += [
        "",
        f"{total:,} requests in {seconds / 60:.1f} minutes, {total / seconds:.0f} a second.",
    ]
    for name, count in traffic.models.items():
        lines.append(f"{name} answered {count:,}, {traffic.misread[name]:,} of them wrong.")
    lines += [f"{count:,} {what}." for what, count in story.people.items()]
    lines += [f"{each}." for each in story.told]
    tenths = np.array_split([taken for _, taken in sorted(traffic.taken)], 10)
    p99s = ", ".join(f"{1000 * np.percentile(each, 99):.0f}" for each in tenths)
    lines += [f"p99 in each tenth of the time, ms: {p99s}."]
    lines += ["", *memory_table(story.megabytes)]
    return "\n".join(lines)


def memory_table(samples: list[tuple[float, float]]) -> list[str]:
    """What the processes took at the start, after each quarter of the time, and at most."""
    lines = ["| memory, MB | start | a quarter | half | three quarters | end | most |"]
    lines.append("|---|" + "---:|" * 6)
    for name, seen in zip(("serving", "all processes"), zip(*samples, strict=True), strict=True):
        figures = [seen[round(share * (len(seen) - 1))] for share in QUARTERS] + [max(seen)]
        lines.append(f"| {name} | " + " | ".join(f"{each:.0f}" for each in figures) + " |")
    return lines


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=50, help="uploads a second")
    parser.add_argument(
        "--no-training", action="store_true", help="promote the shipped network by another name"
    )
    parser.add_argument("--folder", type=Path, help="where to keep it all until it is over")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="soak-", dir=options.folder) as name:
        folder = Path(name)
        rng = np.random.default_rng(0)
        (x_train, y_train), (x_test, y_test) = drawn(IMAGES, rng), drawn(IMAGES // 3, rng)
        np.savez(
            folder / "drawn.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test
        )
        settings = {"MNIST_DATA": str(folder / "drawn.npz"), "MNIST_RETENTION_DAYS": "365"}
        with Server(folder, workers=2, options=(), **settings) as server:
            # the server and what multiprocessing keeps beside it, two workers, a keeper, its worker
            server.until(lambda: len(family(str(server.process.pid))) == 6)
            key = server.manage(
                *("create_api_key", "soak", "--owner", "admin"),
                *("--scopes", "classify", "read", "review"),
            ).strip()
            traffic = Traffic(server, key, options.rate)
            story = Story(server, traffic, options.minutes, not options.no_training)
            workers = served_by(server)
            with traffic:
                story.run()
            seconds = time.monotonic() - traffic.started
            amiss = audit(server, story, workers)
            print(report(story, seconds))
            print("\nAmiss:" if amiss else "\nNothing is lost, and nothing is left over.")
            print(*amiss[:100], sep="\n", end="")
    return 1 if amiss else 0


if __name__ == "__main__":
    sys.exit(main())
