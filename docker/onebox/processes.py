"""The control plane's own processes: web and the reverse proxy before it, worker, beat and console proxy.

A process is known by two variables in its environment, its name and its instance's settings file. So it is found
again whatever happened to the ``up`` that started it, and no other program can be taken for it.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from onebox import cache, environment, ports, proxy, venv
from onebox.instance import ROOT, Instance
from onebox.shell import OneboxError, wait_until

MARK = "SCLOUD_PROCESS"
CODE_MARK = "SCLOUD_CODE"
CODE = ("apps", "scloud_console", "templates", "docker/proxy")
STOP_SECONDS = 15
WORKER_THREADS = 16


@dataclass(frozen=True)
class Process:
    """What to run under which name. It is ready when it listens on ``port``, or once it ``says`` a text.

    program: Python unless named. prepare: called before each start.
    """

    name: str
    args: tuple[str, ...]
    port: int | None = None
    says: str = ""
    program: str = ""
    prepare: Callable[[], None] | None = None


def all_of(instance: Instance) -> list[Process]:
    """The control plane's processes in the order they are started."""
    celery = ("-m", "celery", "--app", "scloud_console")
    web = (
        "-m",
        "uvicorn",
        "scloud_console.asgi:application",
        "--uds",
        str(proxy.web_socket(instance)),
        "--no-server-header",
        "--no-proxy-headers",  # Django reads them, and only from proxies it was told of
        "--no-access-log",
        "--ws-per-message-deflate",
        "false",  # a push is 100 bytes for every open page: compressing them costs more than it saves
        "--ws-max-size",
        "65536",  # pages send nothing
        "--lifespan",
        "off",
    )
    pool = ("--pool", "threads", "--concurrency", str(WORKER_THREADS), "--without-gossip", "--without-mingle")
    worker = ("worker", "--queues", "control,periodic", "--hostname", "control@%h", *pool)
    beat = ("beat", "--schedule", str(instance.var / "beat"), "--pidfile=")
    return [
        Process("worker", (*celery, *worker), says="[queues]"),
        Process("beat", (*celery, *beat), says="scheduler ->"),
        Process("console", ("-m", "apps.console.proxy"), instance.console_port),
        Process("web", web, says="Uvicorn running on"),
        Process(
            "proxy",
            proxy.arguments(instance),
            instance.web_port,
            program=proxy.SHELL,
            prepare=partial(proxy.configure, instance),
        ),
    ]


def pid(instance: Instance, name: str, **marks: str) -> int | None:
    """The PID of a running process of that name (its first one, where it has children) with the given marks."""
    named = {MARK: name, "SCLOUD_ENV": str(environment.path(instance)), **marks}
    wanted = {f"{key}={value}".encode() for key, value in named.items()}
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            number = int(directory.name)
            variables = (directory / "environ").read_bytes().split(b"\0")
            if wanted <= set(variables) and os.getsid(number) == number:
                return number
    return None


def log(instance: Instance, process: Process) -> Path:
    """The file that takes a process's output."""
    return instance.logs / f"{process.name}.log"


def start(instance: Instance, process: Process) -> None:
    """Have a process run the present code and settings, and wait until it is ready.

    Raises OneboxError with the end of its log when it dies.
    """
    code = fingerprint(instance)
    if pid(instance, process.name, **{CODE_MARK: code}) is not None:
        return
    stop(instance, process.name)
    output = log(instance, process)
    output.parent.mkdir(parents=True, exist_ok=True)
    before = output.stat().st_size if output.exists() else 0
    if process.prepare is not None:
        process.prepare()
    variables = {**environment.for_process(instance), MARK: process.name, CODE_MARK: code}
    with output.open("a") as out:
        child = subprocess.Popen(
            [process.program or venv.PYTHON, *process.args],
            env=variables,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )

    def ready() -> bool:
        if child.poll() is not None:
            tail = "\n".join(output.read_text().splitlines()[-15:])
            raise OneboxError(
                f"{process.name} exited with status {child.returncode}; {output} ends with:\n{tail}"
            )
        if process.port is not None:
            return ports.accepts(process.port)
        # The kernel shows a program's environment some moments after it was started: not found yet, it would be taken
        # for dead.
        return (
            process.says.encode() in output.read_bytes()[before:] and pid(instance, process.name) is not None
        )

    wait_until(ready, f"{process.name} to be ready (see {output})", seconds=60)


def fingerprint(instance: Instance) -> str:
    """Changes with the product's code and with the instance's settings."""
    files = [
        path
        for folder in CODE
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".html", ".conf")
    ]
    parts = [f"{path} {path.stat().st_mtime_ns}" for path in sorted(files)]
    return cache.key(*parts, *(f"{name}={value}" for name, value in instance.settings().items()))


def stop(instance: Instance, name: str) -> None:
    """Ask a process to end, then kill it and its children."""
    number = pid(instance, name)
    if number is None:
        return
    _signal(number, signal.SIGTERM)
    with suppress(OneboxError):
        wait_until(lambda: pid(instance, name) is None, f"{name} to stop", seconds=STOP_SECONDS)
    _signal(number, signal.SIGKILL)


def _signal(group: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)
