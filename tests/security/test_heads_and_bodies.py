"""SE-8: heads and bodies that are too large, too slow or ambiguous, over connections to the platform's processes."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import select
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from onebox.shell import patience, wait_until

from scloud_console.handler import BODY_SECONDS
from scloud_console.headers import without_middleware
from tests.platform_fixtures import Platform

pytestmark = [pytest.mark.real, pytest.mark.requirement("SE-8")]

MIB = 1024 * 1024
HEAD_SECONDS = 10
#: What a process may need more than its limit on a busy machine.
MARGIN = 10
HOST = b"Host: 127.0.0.1\r\n"
BROWSER = b"Accept: text/html,application/xhtml+xml\r\n"


@pytest.fixture(scope="module")
def running(memory_platform: Platform) -> Iterator[Platform]:
    memory_platform.collect_static()
    memory_platform.start("web", "console")
    yield memory_platform


def _connect(port: int, timeout: float = 60.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def _answer(peer: socket.socket) -> bytes:
    """Return everything until the other side closes; what was sent but not read may reset the connection."""
    said = b""
    try:
        while part := peer.recv(65536):
            said += part
    except ConnectionResetError:
        pass
    return said


def _exchange(port: int, data: bytes) -> bytes:
    with _connect(port) as peer:
        with suppress(BrokenPipeError, ConnectionResetError):
            peer.sendall(data)
        return _answer(peer)


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def _headers(answer: bytes) -> dict[str, list[str]]:
    """Return the values of each header, by its name in lower case."""
    found: dict[str, list[str]] = {}
    for line in answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]:
        name, _colon, value = line.partition(": ")
        found.setdefault(name.lower(), []).append(value)
    return found


def _is_guarded(answer: bytes, strict: bool = False) -> None:
    """Check that an answer no middleware saw has the headers of all others, each once."""
    wanted = {name.lower(): [value] for name, value in without_middleware().items()}
    if strict:
        wanted["strict-transport-security"] = ["max-age=31536000"]
    found = _headers(answer)
    assert {name: found.get(name) for name in wanted} == wanted, answer[:1000]
    assert strict or "strict-transport-security" not in found


def _pids(platform: Platform, name: str) -> list[int]:
    """Return a process and all below it."""
    first = platform.pid(name)
    assert first is not None
    found = [first]
    for pid in found:
        found += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return found


def _spent(platform: Platform, name: str) -> float:
    """Return the processor seconds that a process has spent."""
    ticks = 0
    for pid in _pids(platform, name):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / 100


def _memory(platform: Platform, name: str) -> int:
    held = 0
    for pid in _pids(platform, name):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        held += next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024
    return held


def _is_well(platform: Platform) -> None:
    answer = _exchange(platform.port, b"GET /login/ HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    assert _status(answer) == 200, (answer[:300], platform.log("web")[-2000:])


@pytest.mark.parametrize(
    ("status", "head"),
    [
        (431, b"X-Long: " + b"x" * 10_000 + b"\r\n"),
        (431, b"X-Long: " + b"x" * 96 * MIB + b"\r\n"),
        (431, b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1_000) for n in range(60))),
        (431, b"Cookie: " + b"a=b; " * 20_000 + b"\r\n"),
    ],
    ids=["one line", "96 MB", "many lines", "cookies"],
)
def test_a_head_that_is_too_large_is_refused_and_costs_nothing(
    running: Platform, status: int, head: bytes
) -> None:
    _is_well(running)
    before = {name: (_spent(running, name), _memory(running, name)) for name in ("web", "proxy")}
    answer = _exchange(running.port, b"GET /api/v1/me HTTP/1.1\r\n" + HOST + head + b"\r\n")
    # With 96 MB on its way the connection may be reset before the answer is read.
    assert _status(answer) in ({status, 0} if len(head) > MIB else {status}), answer[:300]
    if answer:
        _is_guarded(answer)
        problem = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert problem["status"] == status and problem["title"] and problem["hint"]
    for name, (seconds, held) in before.items():
        assert _spent(running, name) - seconds < 1.0, name
        assert _memory(running, name) - held < 50 * MIB, name
    _is_well(running)


def test_an_address_that_is_too_long_is_refused(running: Platform) -> None:
    answer = _exchange(running.port, b"GET /?q=" + b"x" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert _status(answer) == 414, answer[:300]
    _is_guarded(answer)


def test_a_head_in_pieces_that_never_ends_is_cut_in_time(running: Platform) -> None:
    """A piece each second keeps no connection open, and nothing is held for it."""
    held, started = _memory(running, "web"), time.monotonic()
    with _connect(running.port, timeout=1.0) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\n" + HOST)
        assert _until_cut(peer, lambda n: b"X-%d: y\r\n" % n) in {0, 408}
    assert time.monotonic() - started < patience(HEAD_SECONDS + MARGIN)
    assert _memory(running, "web") - held < 5 * MIB


def _until_cut(peer: socket.socket, piece) -> int:
    """Send a piece a second until the connection is cut; return the status it was answered with, 0 for none."""
    for number in range(HEAD_SECONDS + MARGIN):
        try:
            part = peer.recv(4096)
            return _status(part)
        except TimeoutError:
            pass
        except ConnectionResetError:
            return 0
        try:
            peer.sendall(piece(number))
        except (BrokenPipeError, ConnectionResetError):
            return 0
    raise AssertionError("the connection was never cut")


def test_a_body_that_comes_too_slowly_is_answered_408(running: Platform) -> None:
    started = time.monotonic()
    with _connect(running.port, timeout=BODY_SECONDS + MARGIN) as peer:
        peer.sendall(b"POST /login/ HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\nname=")
        answer = _answer(peer)
    assert _status(answer) == 408, answer[:300]
    _is_guarded(answer)
    assert BODY_SECONDS - 1 < time.monotonic() - started < BODY_SECONDS + MARGIN


def test_a_body_that_drips_is_cut_after_the_same_time(running: Platform) -> None:
    started = time.monotonic()
    with _connect(running.port, timeout=2.0) as peer:
        peer.sendall(b"POST /login/ HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\n")
        while True:
            assert time.monotonic() - started < patience(BODY_SECONDS + MARGIN), (
                "the body is waited for still"
            )
            try:
                answer = peer.recv(4096)
                break
            except TimeoutError:
                peer.sendall(b"x")
    assert _status(answer) == 408, answer[:300]


@pytest.mark.parametrize("path", [b"/login/", b"/api/v1/me"])
@pytest.mark.parametrize("told", [True, False], ids=["by its length", "in chunks"])
def test_a_body_that_is_too_large_is_refused(running: Platform, path: bytes, told: bool) -> None:
    before = _spent(running, "web")
    head = b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n"
    if told:
        data = head + b"Content-Length: 5000000\r\n\r\n" + b"x" * 100_000
    else:
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        data = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 80 + b"0\r\n\r\n"
    answer = _exchange(running.port, data)
    # In chunks it is refused while it comes: the reset may overtake the answer.
    assert _status(answer) in ({413} if told else {413, 0}), answer[:300]
    if answer:
        _is_guarded(answer)
    assert _spent(running, "web") - before < 1.0
    _is_well(running)


_POST, _CHUNKED = b"POST /login/ HTTP/1.1\r\nHost: a\r\n", b"Transfer-Encoding: chunked\r\n"
AMBIGUOUS = {
    "length and chunks": _POST + b"Content-Length: 4\r\n" + _CHUNKED + b"\r\n0\r\n\r\n",
    "chunks and length": _POST + _CHUNKED + b"Content-Length: 4\r\n" + b"\r\n0\r\n\r\n",
    "two lengths": _POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "a negative length": _POST + b"Content-Length: -1\r\n\r\n",
    "a length with a plus": _POST + b"Content-Length: +4\r\n\r\nabcd",
    "a coding that is none": _POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two codings": _POST + _CHUNKED + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    "chunks that are none": _POST + _CHUNKED + b"\r\nzz\r\nabc\r\n0\r\n\r\n",
    "a chunk of too much": _POST + _CHUNKED + b"\r\nffffffffffffffff1\r\na",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "zero bytes": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
}


@pytest.mark.parametrize("sent", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_two_servers_could_read_in_two_ways_is_refused(running: Platform, sent: bytes) -> None:
    """A second request hidden behind it is not answered."""
    hidden = b"GET /hidden-by-smuggling HTTP/1.1\r\n" + HOST + b"\r\n"
    answer = _exchange(running.port, sent + hidden)
    assert 400 <= _status(answer) < 600, answer[:300]
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    if answer.startswith(b"HTTP/1.1 400"):
        _is_guarded(answer)


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (405, b"TRACE / HTTP/1.1"),
        (405, b"CONNECT / HTTP/1.1"),
        (400, b"GET / HTTP/9.9"),
        (400, b"G\x01T / HTTP/1.1"),
    ],
)
def test_what_the_reverse_proxy_refuses_by_itself_is_told_with_all_headers(
    running: Platform, status: int, line: bytes
) -> None:
    answer = _exchange(running.port, line + b"\r\n" + HOST + b"Connection: close\r\n\r\n")
    assert _status(answer) == status, answer[:300]
    _is_guarded(answer)
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == status


def test_answers_that_are_passed_on_get_no_header_twice(running: Platform) -> None:
    found = _headers(
        _exchange(running.port, b"GET /login/ HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    )
    assert {name for name, values in found.items() if len(values) > 1} <= {"set-cookie"}, found


def test_the_workers_of_the_reverse_proxy_are_not_root(running: Platform) -> None:
    """The shell that waits for it and its master are; they read nothing that clients send."""
    users = {pid: Path(f"/proc/{pid}").stat().st_uid for pid in _pids(running, "proxy")}
    titles = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in users}
    workers = [pid for pid, title in titles.items() if b"worker process" in title]
    assert workers and all(users[pid] != 0 for pid in workers), titles


def test_many_idle_connections_leave_room_for_others(running: Platform) -> None:
    with ExitStack() as stack:
        peers = [stack.enter_context(_connect(running.port)) for _ in range(1_000)]
        for peer in peers:
            peer.sendall(b"GET / HTTP/1.1\r\n")
        started = time.monotonic()
        _is_well(running)
        assert time.monotonic() - started < patience(MARGIN)
        with ThreadPoolExecutor(64) as pool:
            answers = list(pool.map(_answer, peers))
        assert all(_status(answer) in {0, 408} for answer in answers)
        assert time.monotonic() - started < patience(HEAD_SECONDS + 2 * MARGIN)


def test_one_address_has_a_number_of_requests_at_once(running: Platform) -> None:
    with ExitStack() as stack:
        peers = [stack.enter_context(_connect(running.port)) for _ in range(300)]
        for peer in peers:
            peer.sendall(b"POST /login/ HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\n")
        # 256 wait for their bodies; the others are refused as soon as the proxy has read their heads.
        refused, until = [], time.monotonic() + 2 * MARGIN
        while len(refused) < 44 and time.monotonic() < until:
            ready, _, _ = select.select(peers, [], [], 1.0)
            refused += [peer.recv(65536) for peer in ready]
            peers = [peer for peer in peers if peer not in ready]
        assert [_status(answer) for answer in refused] == [429] * 44, refused[:3]
        _is_guarded(refused[0])
        for peer in peers:
            peer.close()
    # The places are free again once the proxy has seen them go.
    _login_until(running, 200)


def _login_until(platform: Platform, status: int) -> bytes:
    """Ask for the login page until it is answered with this status; return the answer."""
    until = time.monotonic() + 2 * MARGIN
    while True:
        answer = _exchange(platform.port, b"GET /login/ HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        if _status(answer) == status:
            return answer
        assert time.monotonic() < until, answer[:300]


def test_a_web_process_that_is_gone_is_said_to_be_so(running: Platform) -> None:
    pid = running.pid("web")
    assert pid is not None
    os.killpg(pid, signal.SIGKILL)
    wait_until(lambda: running.pid("web") is None, "end of web", seconds=10)
    answer = _exchange(running.port, b"GET /api/v1/me HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    assert _status(answer) == 503 and b"Retry-After: 10" in answer, answer[:400]
    page = _exchange(running.port, b"GET / HTTP/1.1\r\n" + HOST + BROWSER + b"Connection: close\r\n\r\n")
    assert _status(page) == 503 and b"Retry-After: 10" in page, page[:400]
    assert b"<h1>The platform is unavailable.</h1>" in page
    _is_guarded(answer)
    running.start("web")
    _is_well(running)


@pytest.mark.parametrize(
    ("status", "request_line", "headers"),
    [
        (431, b"GET /login/", b"Cookie: a=" + b"x" * 9000 + b"\r\n"),
        (414, b"GET /login/?q=" + b"x" * 9000, b""),
        (413, b"POST /login/", b"Content-Length: 3000000\r\n"),
    ],
)
def test_browsers_get_a_page_and_programs_a_problem_document(
    running: Platform, status: int, request_line: bytes, headers: bytes
) -> None:
    end = headers + b"Connection: close\r\n\r\n"
    page = _exchange(running.port, request_line + b" HTTP/1.1\r\n" + HOST + BROWSER + end)
    if style := re.search(b"<style>(.*?)</style>", page):
        digest = base64.b64encode(hashlib.sha256(style[1]).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in _headers(page)["content-security-policy"][0]
    assert _status(page) == status, page[:300]
    if status != 414:  # its headers are not read
        assert b"Content-Type: text/html" in page and b"<h1>" in page, page[:600]
    problem = _exchange(running.port, request_line + b" HTTP/1.1\r\n" + HOST + end)
    assert _status(problem) == status, problem[:300]
    assert b"Content-Type: application/problem+json" in problem, problem[:600]
    assert json.loads(problem.partition(b"\r\n\r\n")[2])["status"] == status


def test_a_console_that_is_asked_for_slowly_or_at_length_is_cut(running: Platform) -> None:
    port, started = running.instance.console_port, time.monotonic()
    with _connect(port, timeout=1.0) as peer:
        peer.sendall(b"GET /console-proxy/ HTTP/1.1\r\n")
        assert _until_cut(peer, lambda n: b"X-%d: y\r\n" % n) in {0, 408}
    assert time.monotonic() - started < patience(HEAD_SECONDS + MARGIN)
    long = _exchange(port, b"GET /console-proxy/ HTTP/1.1\r\n" + b"X: " + b"y" * 60_000 + b"\r\n\r\n")
    assert _status(long) == 431, long[:300]
