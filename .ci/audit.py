"""Known vulnerabilities in what is installed beside this Python, as pip-audit finds them.

Fails when there is one. Where the list of them is out of reach, as without a network, it says so
and passes.
"""

import json
import subprocess
import sys

UNREACHED = ("ConnectionError", "Could not connect", "Max retries", "ServiceError", "Timeout")
TIMEOUT_S = 300


def main() -> str | None:
    """What is wrong, if anything is."""
    command = ["pip-audit", "--local", "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        print("pip-audit: the list of vulnerabilities did not answer; nothing was looked up.")
        return None
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        if not any(sign in done.stderr for sign in UNREACHED):
            return done.stderr or "pip-audit said nothing."
        print("pip-audit: the list of vulnerabilities is out of reach; nothing was looked up.")
        return None
    found = [(each, hole) for each in packages for hole in each.get("vulns", [])]
    for each, hole in found:
        fixed = ", ".join(hole["fix_versions"]) or "nothing yet"
        print(f"{each['name']} {each['version']}: {hole['id']}, fixed in {fixed}")
    known = sum("vulns" in each for each in packages)
    print(f"pip-audit: {known} of {len(packages)} packages were looked up.")
    return f"{len(found)} known vulnerabilities" if found else None


if __name__ == "__main__":
    sys.exit(main())
