"""Doing something in a process forked from this one, several at a time, and hearing what came of it."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
#: From linux/prctl.h.
PR_SET_PDEATHSIG = 1
#: Says something to the parent, at once: what was said before a kill is heard.
Say = Callable[[Any], None]
Work = Callable[[Say], None]


@dataclass
class Child:
    """A forked process. `said` is what it said; `ending` how it ended: "killed", "stalled" or "done"."""

    pid: int
    pipe: int
    said: list[Any] = field(default_factory=list)
    ending: str = ""


def fork(work: Work) -> Child:
    """Do the work in a new process. The caller must hold no database connection."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return Child(pid, reading)
    os.close(reading)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # no stalled child outlives its parent
    os.dup2(
        sys.stderr.fileno(), sys.stdout.fileno()
    )  # who listens to the parent hears of its end, not of ours
    status = 1
    try:
        work(lambda thing: _write(writing, thing))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def wait(child: Child) -> Child:
    """Wait until the child has ended or stalled. Raises RuntimeError when it failed by itself."""
    _pid, status = os.waitpid(child.pid, os.WUNTRACED)
    os.set_blocking(child.pipe, False)
    child.said.extend(_read(child.pipe))
    if os.WIFSTOPPED(status):
        child.ending = "stalled"
        return child
    os.close(child.pipe)
    if os.WIFSIGNALED(status):
        child.ending = "killed"
    elif os.WEXITSTATUS(status) == 0:
        child.ending = "done"
    else:
        raise RuntimeError(f"a forked process failed; it had said {child.said}")
    return child


def go_on(child: Child) -> Child:
    """Let a stalled child go on, and wait for its end."""
    os.kill(child.pid, signal.SIGCONT)
    return wait(child)


def all_of(works: Iterable[tuple[T, Work]], at_once: int) -> Iterator[tuple[T, Child]]:
    """Do every work in a process of its own, so many at once; give each with its child, in order."""
    under_way: list[tuple[T, Child]] = []
    for key, work in works:
        if len(under_way) == at_once:
            first, child = under_way.pop(0)
            yield first, wait(child)
        under_way.append((key, fork(work)))
    for key, child in under_way:
        yield key, wait(child)


def all_said(work: Work) -> list[Any]:
    """Do one work, which must come to its end, and return all it said."""
    ((_key, child),) = all_of([(None, work)], 1)
    assert child.ending == "done", child
    return child.said


def only(work: Work) -> Any:
    """Do one work, which must come to its end, and return the last thing it said."""
    said = all_said(work)
    return said[-1] if said else None


def _write(pipe: int, thing: Any) -> None:
    os.write(pipe, json.dumps(thing).encode() + b"\n")


def _read(pipe: int) -> list[Any]:
    parts = []
    try:
        while part := os.read(pipe, 1 << 16):
            parts.append(part)
    except BlockingIOError:
        pass
    return [json.loads(line) for line in b"".join(parts).splitlines()]
