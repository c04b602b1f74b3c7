"""What processes cost, as the kernel counts it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection
from redis import Redis

from tests.platform_fixtures import Platform

TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """Return a process and all below it."""
    children: dict[int, list[int]] = {}
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((directory / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(directory.name))
    found = [pid]
    for number in found:
        found.extend(children.get(number, []))
    return found


def control_plane(platform: Platform, names: Iterable[str]) -> dict[str, list[int]]:
    """Return the PIDs behind each name, PostgreSQL and Redis included."""
    found = {name: tree(pid) for name in names if (pid := platform.pid(name))}
    settings = platform.instance.settings()
    found["PostgreSQL"] = tree(_postmaster())
    url = urlsplit(settings["REDIS_URL"])
    with Redis.from_url(settings["REDIS_URL"]) as client:
        found["Redis"] = [int(client.info("server")["process_id"])]
    assert url.port, "Redis without a port"
    return found


def cpu_seconds(pids: Mapping[str, list[int]]) -> dict[str, float]:
    """Return the CPU time of each group so far, ended and waited-for children included."""
    return {name: sum(map(_ticks, group)) / TICKS for name, group in pids.items()}


def resident_mib(pids: Mapping[str, list[int]]) -> dict[str, float]:
    """Return the memory of each group in MiB, pages shared by several processes divided among them (PSS)."""
    return {name: sum(map(_pss_kib, group)) / 1024 for name, group in pids.items()}


def _postmaster() -> int:
    """Return the parent of the process that serves us: PostgreSQL runs on this machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    return int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    # utime, stime, cutime, cstime: fields 14 to 17 of proc(5), the first two of which were cut off
    return sum(map(int, fields[11:15]))


def _pss_kib(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
