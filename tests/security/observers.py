"""What every answer is looked at for. A new property is a function here, and one line in OBSERVERS: it is then checked
on every URL, method and role without another request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from scloud_console.headers import PERMISSIONS
from tests.security.answers import TABLE
from tests.security.routes import Route
from tests.security.sending import ROUTES, SEEN_LAST, Watch, changed
from tests.security.words import MARK, PEOPLE
from tests.security.world import World


@dataclass(frozen=True)
class Exchange:
    """A request of a row as a role, the word that the table has for it, the answer, and what was written."""

    world: World
    row: str
    role: str
    word: str
    response: Any
    content: bytes
    watch: Watch

    @property
    def route(self) -> Route:
        return ROUTES[self.row.partition(" ")[0]]

    @property
    def reads(self) -> bool:
        """Whether it is a GET."""
        return self.row.endswith(" GET")


Observer = Callable[[Exchange], Iterator[str]]

# -- who gets which answer ---------------------------------------------------------------------------------------------


def answer_is_that_of_the_table(seen: Exchange) -> Iterator[str]:
    """Yield the word that was expected."""
    if not is_answered(seen.word, seen.response):
        yield f"expected {seen.word}"


def is_answered(word: str, response: Any) -> bool:
    status, onward = response.status_code, response.get("Location", "")
    if word == "login":
        return status == 302 and onward.startswith("/login/")
    if word == "elsewhere":
        return status == 302 and onward.startswith("/admin/")
    if word == "no":
        return status in {403, 404, 422}
    if word == "ok":
        return (200 <= status < 400 or status == 409) and not _is_sent_away(response)
    return bool(status == int(word))


def _is_sent_away(response: Any) -> bool:
    """Whether it is a redirect to where somebody must go first."""
    path, onward = response.request["PATH_INFO"], response.get("Location", "")
    return (
        response.status_code == 302
        and onward.startswith(("/login/?", "/admin/"))
        and "/admin/" not in path
        and path != reverse("portal:stop_acting")  # leads back there, having stopped
    )


def what_is_refused_changes_nothing(seen: Exchange) -> Iterator[str]:
    """Yield what was written by a request that was refused, unless it was rolled back."""
    if seen.word == "ok":
        return
    if changed(seen.world, seen.watch):
        yield f"refused, yet something changed: {[one.sql[:120] for one in seen.watch.written(SEEN_LAST)]}"


def strangers_see_nothing_of_the_tenant(seen: Exchange) -> Iterator[str]:
    """Yield where a stranger's answer holds what only the tenant has."""
    at = seen.content.find(MARK.encode()) if seen.role in {"bob", "nobody"} else -1
    if at >= 0:
        yield f"shows {seen.content[max(0, at - 80) : at + 80]!r}"


# -- what is written ---------------------------------------------------------------------------------------------------

#: Written by and by itself, too: who was refused, and which answer a key was given.
BY_ITSELF = (*SEEN_LAST, '"lifecycle_idempotentrequest"', '"audit_auditentry"')
#: Rows that change something. A bulk request is as many changes as it has rows: each is a transaction, and the batch
#: says how far it came.
CHANGING = frozenset(
    row
    for row, answers in TABLE.items()
    if not row.endswith(" GET") and "bulk" not in row and "ok" in answers.split()[1 : len(PEOPLE)]
)


def reading_writes_nothing(seen: Exchange) -> Iterator[str]:
    """Yield what a GET wrote, whoever sent it."""
    if seen.reads:
        yield from (one.sql[:300] for one in seen.watch.written(SEEN_LAST))


def a_change_is_one_transaction(seen: Exchange) -> Iterator[str]:
    """Yield the first statements when they are in several savepoints; one outside of any is one by itself."""
    if seen.row not in CHANGING or seen.word != "ok" or seen.role == "nobody":
        return
    blocks: dict[str, str] = {}
    for number, one in enumerate(seen.watch.statements):
        if one.writes and not any(part in one.sql for part in BY_ITSELF):
            blocks.setdefault(one.block or f"statement {number}", one.sql[:200])
    if len(blocks) > 1:
        yield f"{len(blocks)} transactions: {list(blocks.values())}"


# -- headers and markup ------------------------------------------------------------------------------------------------

ON_EVERYTHING = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": PERMISSIONS,
}
#: Whose answers are the same for everybody and may be kept.
PUBLIC = {"api:schema"}
POLICY = {
    "default-src": ["'self'"],
    "form-action": ["'self'"],
    "script-src": ["'self'"],
    "frame-ancestors": ["'none'"],
    "base-uri": ["'none'"],
    "object-src": ["'none'"],
}
UNSAFE = re.compile(
    rb"<script(?![^>]*(\bsrc=|type=.application/json))|\son[a-z]+=|\sstyle=|javascript:|<base\b",
    re.IGNORECASE,
)


def every_answer_has_every_header(seen: Exchange) -> Iterator[str]:
    """Yield headers that are missing or say something else."""
    found = {name: seen.response.get(name) for name in ON_EVERYTHING}
    if found != ON_EVERYTHING:
        yield str(found)
    if "Content-Security-Policy" not in seen.response:
        yield "no Content-Security-Policy"


def no_answer_is_kept(seen: Exchange) -> Iterator[str]:
    """Yield what caches are told, when it is not that they keep nothing."""
    kept = "public, max-age=300" if seen.route.name in PUBLIC else "no-store"
    if kept not in seen.response.get("Cache-Control", ""):
        yield seen.response.get("Cache-Control", "no Cache-Control")


def pages_forbid_what_is_not_their_own(seen: Exchange) -> Iterator[str]:
    """Yield a page's policy when it allows more than it must, and markup that it would forbid."""
    if seen.route.name.startswith("api:"):
        return
    stated = seen.response.get("Content-Security-Policy", "")
    policy = {part.split()[0]: part.split()[1:] for part in stated.split(";") if part.strip()}
    found = {"script-src": ["'self'"], **policy}
    if "unsafe" in stated or {name: found.get(name) for name in POLICY} != POLICY:
        yield stated
    if unsafe := UNSAFE.search(seen.content):
        yield repr(seen.content[max(0, unsafe.start() - 80) : unsafe.end() + 80])


#: What is looked at, by the row of docs/requirements.md that it proves.
OBSERVERS: dict[str, tuple[Observer, ...]] = {
    "SE-1": (
        answer_is_that_of_the_table,
        what_is_refused_changes_nothing,
        strangers_see_nothing_of_the_tenant,
    ),
    "SE-5": (
        reading_writes_nothing,
        every_answer_has_every_header,
        no_answer_is_kept,
        pages_forbid_what_is_not_their_own,
    ),
    "OP-1": (a_change_is_one_transaction,),
}


def findings(seen: Exchange) -> Iterator[str]:
    """Yield what any observer finds, with its name and the exchange."""
    for requirement, observers in OBSERVERS.items():
        for observer in observers:
            for found in observer(seen):
                onward = seen.response.get("Location", "")
                yield (
                    f"{requirement} {observer.__name__}: {seen.row} as {seen.role}: {found}; "
                    f"answered {seen.response.status_code} {onward} {seen.content[:800]!r}"
                )
