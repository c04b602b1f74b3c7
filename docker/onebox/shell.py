"""Running other programs: argument lists only, and an error that says what failed and why."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO


class OneboxError(Exception):
    """A failure that the person at the terminal can act on; its text is shown as it is."""


def run(
    args: Sequence[str | Path],
    *,
    check: bool = True,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return its output.

    With ``log`` the output is appended to that file instead of being returned. Raises OneboxError when the
    program is missing, fails (unless ``check`` is false) or needs longer than ``timeout`` seconds.
    """
    argv = [str(a) for a in args]
    try:
        with _output(log) as (out, errors):
            done = subprocess.run(
                argv,
                check=False,
                text=True,
                input=stdin,
                stdout=out,
                stderr=errors,
                env=env,
                timeout=timeout,
                cwd=cwd,
            )
    except FileNotFoundError as error:
        raise OneboxError(f"{argv[0]} is not installed ({error})") from error
    except subprocess.TimeoutExpired as error:
        raise OneboxError(f"{' '.join(argv[:4])} did not finish within {timeout} s") from error
    if check and done.returncode:
        why = f"see {log}" if log else (done.stderr or done.stdout or "").strip()[-800:]
        raise OneboxError(f"{' '.join(argv[:6])} failed with status {done.returncode}: {why}")
    return done


@contextmanager
def _output(log: Path | None) -> Iterator[tuple[int | IO[str], int]]:
    """Where a program's output and errors go: both to the log's end, or apart and back to the caller."""
    if log is None:
        yield subprocess.PIPE, subprocess.PIPE
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file:
        yield file, subprocess.STDOUT


def patience(seconds: float) -> float:
    """Return for how long to wait for what takes less than ``seconds`` on a machine that does little else.

    SCLOUD_PATIENCE says how many times slower this one may be.
    """
    return seconds * float(os.environ.get("SCLOUD_PATIENCE", "1"))


def wait_until(
    condition: Callable[[], object], what: str | Callable[[], str], *, seconds: float, every: float = 0.05
) -> None:
    """Wait until ``condition()`` is true, or raise OneboxError naming ``what`` after ``patience(seconds)``.

    A function is asked for ``what`` at the end: it can say what there is instead.
    """
    deadline = time.monotonic() + (seconds := patience(seconds))
    while not condition():
        if time.monotonic() > deadline:
            named = what if isinstance(what, str) else what()
            raise OneboxError(f"timed out after {seconds:g} s waiting for {named}")
        time.sleep(every)


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file whole: a reader sees the old or the new content, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.touch(mode=mode)
    fresh.chmod(mode)
    fresh.write_text(text)
    fresh.replace(path)
