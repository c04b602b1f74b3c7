"""Values that break software which trusts what it is sent."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]

TEXTS = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",  # half of a pair: no text, though JSON can say it
    "\u202egnp.exe",
    "\r\nX-Injected: 1",
    "\x1b[2J",
    "x" * 64,
    "x" * 256,
    "é" * 5_000,
    "💥" * 63,
    "../../../etc/passwd",
    "'; DROP TABLE tenancy_user; --",
    "%00",
    "100%_\\",
    "{{ 7 * 7 }}{% debug %}",
    "$(reboot)`reboot`",
    "<script>alert(1)</script>",
    "]]><!--",
    "null",
    "NaN",
    "-0",
    "1e400",
    "1e308",
    "-1e16",
    "²",
    "١٢",
    "9" * 30,
    "9" * 5_000,
    "-9223372036854775809",
    "00000000-0000-0000-0000-000000000000",
    "{00000000-0000-4000-8000-000000000000}",
    "2026-02-30T25:61:61Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-11-23T12:00:00",
    "10.0.0.0/33",
    "0.0.0.0/0",
    "10.0.0.1/8",
    "::/0",
    "fe80::1%eth0",
    "(?:a+)+$",
    "[",
    ",",
    "a,b,,c",
]
NUMBERS = [0, -1, 1, 2**31 - 1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, 1.5, -0.0, 1e308]
NO_NUMBERS = [float("nan"), float("inf"), float("-inf")]  # which JSON has not, but Python reads


def _deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


SHAPES = [None, True, False, [], {}, [None], [[]], {"": ""}, {"id": {"$ne": None}}, ["x"] * 300, _deep(50)]


def texts() -> Strategy:
    """Make texts, of the table and at random."""
    return st.one_of(st.sampled_from(TEXTS), st.text(st.characters(exclude_categories=("Cs",)), max_size=80))


def values() -> Strategy:
    """Make what may stand in JSON, or just about."""
    return st.one_of(
        texts(), st.sampled_from(TEXTS), st.sampled_from([*NUMBERS, *NO_NUMBERS, *SHAPES]), st.integers()
    )


def spoiled(body: dict[str, Any], fields: list[str]) -> Strategy:
    """Make bodies that are right but for a field or two, at the top or further in."""

    @st.composite
    def make(draw: st.DrawFn) -> dict[str, Any]:
        made: dict[str, Any] = dict(body)
        for _ in range(draw(st.integers(1, 2))):
            name = draw(st.sampled_from(fields or ["unheard_of"]))
            inside = name in made and isinstance(made[name], list | dict) and draw(st.booleans())
            made[name] = draw(_spoiled_inside(made[name])) if inside else draw(values())
        return made

    return make()


@st.composite
def _spoiled_inside(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value:
        name = draw(st.sampled_from(sorted(value)))
        return {**value, name: draw(_spoiled_inside(value[name]))}
    if isinstance(value, list) and value:
        return [draw(_spoiled_inside(value[0])), *value[1:]]
    return draw(values())
