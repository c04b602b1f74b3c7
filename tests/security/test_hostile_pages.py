"""SE-5: text that is code elsewhere is text on every page, in every spreadsheet and in every line of the log."""

from __future__ import annotations

import csv
import io
import logging
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import transaction
from django.urls import reverse

from apps.accounts.models import (
    ApiKey,
    Project,
    Session,
    Tenant,
    User,
)
from apps.audit.models import AuditEntry
from apps.compute.models import Image
from apps.infrastructure.models import ComputeCluster, Host, Region, StorageCluster
from apps.lifecycle.models import Operation, Resource
from apps.network.models import SecurityGroupRule
from apps.portal.exports import FORMULA, cell
from scloud_console.log_lines import OneLine
from tests.security.answers import TABLE
from tests.security.hostile import HOSTILE
from tests.security.routes import Route
from tests.security.test_hostile_bodies import ALL, ROUTES
from tests.security.world import World

pytestmark = pytest.mark.requirement("SE-5")

#: Ends a title, an attribute in either quotes and a comment, then tries to run.
EVIL = "\"'--></title></script><script>evil(1)</script><b onmouseover=evil(2) x={{'zq'|add:'qz'}}"
SHORT = "\"'><script>evil()</script>"
_READ = {
    row for row in TABLE if row.endswith(" GET") and not row.startswith("api:") and ROUTES[row[:-4]].area
}


def _twin(row: str) -> str:
    return row.replace("admin:", "portal:", 1)


#: A page of both portals is one class and one template: it is read once, unless `SCLOUD_HOSTILE=all` asks for all.
PAGES = sorted(row for row in _READ if ALL or not row.startswith("admin:") or _twin(row) not in _READ)


class Reader(HTMLParser):
    """Finds what of the text became a part of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.script = tag == "script"
        self.found += [f"<{tag} {name}>" for name, _value in attrs if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        self.script = False

    def handle_data(self, data: str) -> None:
        if self.script and "evil(" in data:
            self.found.append(data)


@pytest.fixture(scope="module")
def evil_world(world: World) -> World:
    """The world with the text in every column that people or hosts write."""
    Resource.objects.update(
        name=SHORT, description=EVIL, error={"message": EVIL, "hint": EVIL, "code": "x.y"}
    )
    Operation.objects.update(
        target_name=SHORT,
        error={"message": EVIL, "hint": EVIL, "code": "x.y"},
        steps=[{"at": "2026-11-23T08:00:00+00:00", "text": EVIL, "attempt": 1}],
        args={"name": EVIL},
    )
    AuditEntry.objects.update(target_name=SHORT, args={"name": EVIL}, actor_name=EVIL[:40])
    Tenant.objects.filter(pk=world.tenant.pk).update(name=SHORT, description=EVIL)
    Project.objects.filter(pk=world.project.pk).update(name=SHORT, description=EVIL)
    Region.objects.update(label=SHORT)
    ComputeCluster.objects.filter(pk=world.cluster.pk).update(name=SHORT, alias=SHORT)
    StorageCluster.objects.filter(pk=world.storage.pk).update(name=SHORT, alias=SHORT)
    Host.objects.update(cpu_model=EVIL, hypervisor_version=SHORT, agent_version=SHORT)
    Image.objects.update(os_name=SHORT)
    SecurityGroupRule.objects.update(description=EVIL)
    User.objects.update(first_name=SHORT)
    ApiKey.objects.update(name=SHORT)
    Session.objects.update(user_agent=EVIL)
    return world


def read(world: World, role: str, route: Route) -> Any:
    """Open the page as the role."""
    kwargs = {"key": world.keys[route.segment]} if route.takes_key else None
    return world.browser(role).get(reverse(route.name, kwargs=kwargs))


def test_there_is_a_database(db: None) -> None:
    """The world needs one, and asks for it by no mark."""
    assert len(PAGES) > 100


@pytest.mark.parametrize("row", PAGES)
def test_no_text_becomes_a_part_of_a_page(row: str, evil_world: World) -> None:
    route: Route = ROUTES[row[:-4]]
    for role in ("ada",) if route.area == "admin" else ("alice",):
        with transaction.atomic():
            response = read(evil_world, role, route)
            body = b"".join(response.streaming_content) if response.streaming else response.content
            transaction.set_rollback(True)
        assert response.status_code < 500, row
        if "html" in response.get("Content-Type", ""):
            reader = Reader()
            reader.feed(body.decode())
            assert reader.found == [], row
            assert b"zqqz" not in body, row


def test_no_cell_of_a_spreadsheet_begins_a_formula() -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_NONNUMERIC).writerow([cell(text) for text in HOSTILE.values()])
    (row,) = csv.reader(io.StringIO(out.getvalue()))
    assert not any(one.startswith(FORMULA) for one in row)
    assert [one.removeprefix("'") for one in row] == [text.removeprefix("'") for text in HOSTILE.values()]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_text_forges_a_line_of_the_log(text: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 1, "host %s said", (text,), None)
    line = OneLine("%(levelname)s %(message)s").format(record)
    assert line.splitlines() == [line]
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in line)


def test_what_broke_is_still_told_in_many_lines() -> None:
    def broken() -> Any:
        raise ValueError("one\ntwo")

    try:
        broken()
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "", 1, "a\nb", (), (type(error), error, error.__traceback__)
        )
    lines = OneLine("%(message)s").format(record).splitlines()
    assert lines[0] == "a\\nb" and lines[1].startswith("Traceback") and len(lines) > 3
