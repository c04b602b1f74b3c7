"""The most expensive request of each kind that a client can send, and what answering one costs this process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_plus

#: Below what was taken before there were limits (2.5 MB), and above what is now.
BIG = 2_400_000
#: Below what the API takes now, so that what is inside is looked at.
FULL = 250_000
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=part"

MIB = 1024 * 1024


@dataclass(frozen=True)
class Body:
    """Bytes with their content type."""

    content: bytes
    type: str


@dataclass
class Cost:
    """What was spent: seconds of this process's processor time, bytes its memory grew at the highest."""

    seconds: float = 0.0
    growth: int = 0


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure the block. Peak memory is the kernel's own count, started afresh."""
    cost = Cost()
    Path("/proc/self/clear_refs").write_text("5")
    before, started = _memory("VmRSS"), time.process_time()
    yield cost
    cost.seconds = time.process_time() - started
    cost.growth = max(0, _memory("VmHWM") - before)


def _memory(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(f"{name}:"))


# -- JSON ----------------------------------------------------------------------------------------------------


def _each(names: list[str], value: str) -> bytes:
    """Return an object in which each name has the same value."""
    return ("{" + ",".join(f"{json.dumps(name)}:{value}" for name in names) + "}").encode()


def _empties(size: int) -> Callable[[list[str]], bytes]:
    return lambda names: _each(names, "[" + ",".join(["{}"] * (size // 3 // len(names))) + "]")


def _objects(size: int) -> Callable[[list[str]], bytes]:
    def make(names: list[str]) -> bytes:
        one = "{" + ",".join(f'"k{n}":0' for n in range(size // 8 // len(names) // 2)) + "}"
        return _each(names, one)

    return make


def _text(one: str, size: int) -> Callable[[list[str]], bytes]:
    return lambda names: _each(names, '"' + one * (size // len(one) // len(names)) + '"')


def _numbers(names: list[str]) -> bytes:
    return _each(names, "[" + ",".join(["9" * 4_000] * (FULL // 4_001 // len(names))) + "]")


def _texts(names: list[str]) -> bytes:
    return _each(names, "[" + ",".join(['"x"'] * min(480, 4_500 // len(names))) + "]")


def _most_errors(names: list[str]) -> bytes:
    """As many objects as are let in, each with what no field takes."""
    return _each(names, "[" + ",".join(['{"direction":"x","":[]}'] * min(480, 1_500 // len(names))) + "]")


JSON_BODIES: Mapping[str, Callable[[list[str]], bytes]] = {
    "larger than allowed": lambda names: b'{"name":"' + b"x" * BIG + b'"}',
    "large and blank": lambda names: b" " * BIG + b"{}",
    "deep lists": lambda names: b"[" * 100_000,
    "deep objects": lambda names: b'{"a":' * 40_000,
    "wide": lambda names: ("{" + ",".join(f'"k{n}":{n}' for n in range(15_000)) + "}").encode(),
    "wider": lambda names: ("{" + ",".join(f'"k{n}":{n}' for n in range(120_000)) + "}").encode(),
    "a name twice at the end": lambda names: (
        "{" + ",".join(f'"k{n}":0' for n in [*range(18_000), 17_999]) + "}"
    ).encode(),
    "empty objects": _empties(FULL),
    "more empty objects": _empties(BIG // 8),
    "objects with many names": _objects(FULL),
    "objects that are wrong": _most_errors,
    "many texts": _texts,
    "long numbers": _numbers,
    "one long number": lambda names: b'{"name":' + b"9" * FULL + b"}",
    "one long fraction": lambda names: b'{"name":0.' + b"9" * FULL + b"}",
    "long texts": _text("x", FULL),
    "escapes": _text("\\u00e9", FULL),
    "zero bytes": _text("\\u0000", FULL),
    "half characters": _text("\\ud800", FULL),
    "spaces": _text(" ", FULL),
    "dots": _text(".", FULL),
    "commas": _text("1,", FULL),
}


# -- forms ---------------------------------------------------------------------------------------------------


def _fields(names: list[str], value: str) -> bytes:
    return "&".join(f"{quote_plus(name)}={value}" for name in names).encode()


def _parts(names: list[str], content: bytes, *, files: bool = False) -> bytes:
    made = bytearray()
    for position, name in enumerate(names):
        file = f'; filename="f{position}"'.encode() if files else b""
        made += b'--part\r\nContent-Disposition: form-data; name="' + name.encode() + b'"' + file
        made += b"\r\n\r\n" + content + b"\r\n"
    return bytes(made + b"--part--\r\n")


def _of_form(one: str) -> Callable[[list[str]], Body]:
    return lambda names: Body(_fields(names, one * (400_000 // len(one) // len(names))), FORM)


FORM_BODIES: Mapping[str, Callable[[list[str]], Body]] = {
    "larger than allowed": lambda names: Body(b"name=" + b"x" * BIG, FORM),
    "many fields": lambda names: Body(b"a=1&" * 600_000, FORM),
    "the same field": lambda names: Body(_fields((names * 1_000)[:990], "x"), FORM),
    "long fields": _of_form("x"),
    "escapes": _of_form("%c3%a9"),
    "zero bytes": _of_form("%00"),
    "spaces": _of_form("+"),
    "lines": _of_form("1%0a"),
    "digits": _of_form("9"),
    "commas": _of_form("1,"),
    "braces": _of_form("{"),
    "many parts": lambda names: Body(_parts(["a"] * 30_000, b"1"), MULTIPART),
    "parts": lambda names: Body(_parts((names * 1_000)[:990], b"x"), MULTIPART),
    "many files": lambda names: Body(_parts(["a"] * 20_000, b"1", files=True), MULTIPART),
    "a large file": lambda names: Body(_parts(["a"], b"x" * BIG, files=True), MULTIPART),
    "headers of a part": lambda names: Body(
        b"--part\r\n" + b"X: y\r\n" * 100_000 + b"\r\n\r\n--part--", MULTIPART
    ),
    "no end of a boundary": lambda names: Body(b"--par" * 100_000, MULTIPART),
}

# -- addresses and headers -----------------------------------------------------------------------------------

UUIDS = ",".join(f"00000000-0000-4000-8000-{n:012}" for n in range(800))


def queries(names: list[str]) -> dict[str, bytes]:
    """Return the longest queries that a request's head has room for (32 kB), for parameters of these names."""
    names = names or ["q"]
    return {
        "long": _fields(names, "x" * (30_000 // len(names) - 20)),
        "not latin": _fields(names, "%e4%b8%ad" * (30_000 // len(names) // 9 - 2)),
        "ids": _fields(["id"], UUIDS),
        "any of": _fields(names, ",".join("ab" for _ in range(30_000 // len(names) // 3 - 8))),
        "numbers": _fields(names, "9" * (30_000 // len(names) - 20)),
        "wildcards": _fields(names, "%25_" * (30_000 // len(names) // 4 - 5)),
        "many": b"a=1&" * 7_500,
        "the same": _fields((names * 2_000)[:1_900], "x"),
        "turned round": _fields(["not"] * 1_900, "name"),
        "far": b"page=99999&page_size=200&sort=-name&cursor=" + b"x" * 20_000,
    }


HEADERS: Mapping[str, dict[str, str]] = {
    "languages": {"accept-language": ",".join(f"aa-{n};q=0.{n}" for n in range(2_500))},
    "proxies": {"x-forwarded-for": ",".join(["1"] * 14_000)},
    "cookies": {"cookie": "; ".join(f"c{n}=1" for n in range(3_500))},
    "a long session": {"cookie": "sessionid=" + "x" * 30_000},
    "quoted cookies": {"cookie": 'a="' + "\\012" * 7_000 + '"'},
    "a long key": {"idempotency-key": "x" * 30_000},
    "a long token": {"authorization": "Bearer sk_" + "_" * 30_000},
    "a long id": {"x-request-id": "x" * 30_000},
    "accepts": {"accept": ",".join(["a/b;c=d"] * 3_500)},
    "a long type": {"content-type": "application/json;" + ";a=b" * 7_000},
    "a long referer": {"referer": "http://localhost/" + "a/" * 14_000, "hx-request": "true"},
    "a long host": {"host": "a." * 14_000},
    "a long origin": {"origin": "http://" + "a" * 30_000},
    "encodings": {"accept-encoding": ",".join(["gzip"] * 6_000)},
    "a range": {"range": "bytes=" + ",".join(["0-1"] * 7_000)},
}
