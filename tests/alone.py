"""Runs every test file of the fast part by itself, in a process of its own, and lists those that fail alone.

    python -m tests.alone [folder or file …]

One after the other, since they share the test database: minutes for a folder. Stops each file at its first failure.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent
FAST = "not real and not browser and not bench"
#: pytest's exit status when all is well, and when nothing was collected.
WELL = (0, 5)


def files(chosen: list[str]) -> list[Path]:
    """Return the test files in the chosen folders, or the chosen files; all of them when nothing is chosen."""
    places = [Path(name) for name in chosen] or [ROOT]
    return sorted(
        file for place in places for file in (place.rglob("test_*.py") if place.is_dir() else [place])
    )


def fails_alone(file: Path) -> str:
    """Return the end of what pytest says of the file; "" when it passes."""
    command = [sys.executable, "-m", "pytest", str(file), "-q", "-x", "-m", FAST, "-p", "no:cacheprovider"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return "" if ended.returncode in WELL else ended.stdout[-2000:]


def main(chosen: list[str]) -> int:
    """Run the files; return how many failed."""
    failed = []
    for file in files(chosen):
        started = time.monotonic()
        said = fails_alone(file)
        print(f"{'FAILED' if said else 'passed'} {file} {time.monotonic() - started:.0f} s", flush=True)  # noqa: T201
        if said:
            failed.append(file)
            print(said, flush=True)  # noqa: T201
    print(f"{len(failed)} fail alone: {', '.join(map(str, failed)) or 'none'}")  # noqa: T201
    return len(failed)


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 100))
