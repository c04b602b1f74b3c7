"""What a resource uses and what uses it: the panel on every detail page.

A kind says which rows are meant, whoever may see them (`Related`); here the asker's own view of them is cut out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from apps.accounts.selectors import is_admin_as_such, runs_tenant
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Resource
from apps.lifecycle.state_labels import StateLabel, state_label
from apps.portal.kind_registry import list_pages
from apps.portal.kinds import PageKind, Text
from apps.portal.page import Page

#: So many of a group are named; the rest stand in the list its link leads to.
SHOWN = 10
#: So many keys are named one by one in the statement that reads their rows.
FEW = 200


@dataclass(frozen=True)
class Related:
    """Rows of one kind. narrowed: query of the kind's list that shows just these ("vpc=<id>"), for "all …"."""

    kind: str
    rows: QuerySet[Any]
    narrowed: str = ""


@dataclass(frozen=True)
class Item:
    name: str
    url: str
    state: StateLabel | None


@dataclass(frozen=True)
class Group:
    """Rows of one kind as shown: the first few, how many there are, how many the asker cannot see."""

    label: Text
    icon: str
    items: Sequence[Item]
    total: int
    hidden: int
    url: str

    @property
    def more(self) -> int:
        """How many are in view but not named here."""
        return self.total - len(self.items)


def groups(page: Page, related: Iterable[Related]) -> list[Group]:
    """Return the groups that are not empty, at a constant number of queries for each; kinds without pages here go."""
    lists = list_pages(page.area)
    drawn = [_group(page, each) for each in related if each.kind in lists]
    return [group for group in drawn if group.items or group.hidden]


def _group(page: Page, related: Related) -> Group:
    listing = list_pages(page.area)[related.kind]
    kind = listing.of
    mine = kind.rows(page.actor).filter(pk__in=_keys(related.rows))
    some = list(mine.order_by(*listing.order)[: SHOWN + 1])
    total = len(some) if len(some) <= SHOWN else mine.order_by().values("pk").count()
    items = [_item(kind, row, page.area if listing.has_detail else "") for row in some[:SHOWN]]
    url = f"{kind.url(page.area, 'list')}?{related.narrowed}" if related.narrowed else ""
    return Group(kind.many, kind.icon, items, total, _hidden(page.actor, related.rows, total), url)


def _keys(rows: QuerySet[Any]) -> Any:
    """Return the keys of a few rows, or the query for those of many.

    With a query and a limit PostgreSQL walks the index of the kind's list, which is quick for many and reads all of a
    tenant's rows for a few.
    """
    keys = rows.order_by().values("pk")
    few = list(keys.values_list("pk", flat=True)[: FEW + 1])
    return few if len(few) <= FEW else keys


def _item(kind: PageKind, row: Any, area: str) -> Item:
    url = kind.url(area, "one", row) if area else ""
    state = state_label(row) if isinstance(row, Resource) else None
    return Item(str(row), url, state)


def _hidden(actor: Actor, rows: QuerySet[Any], seen: int) -> int:
    """Count what the asker may not see of its own tenant: it may be why something cannot be deleted.

    Other tenants' rows are not even counted; who runs the tenant sees all there is.
    """
    if is_admin_as_such(actor) or runs_tenant(actor) or not issubclass(rows.model, Resource):
        return 0
    return max(0, rows.filter(tenant=actor.tenant).values("pk").distinct().count() - seen)
