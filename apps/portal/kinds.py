"""What the pages of one kind have in common: declared once in a domain's `pages.py`, used by all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.acting import refused_to_administrator
from apps.accounts.rights import Rights
from apps.api.bulk import is_key
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import Service, service_of
from apps.lifecycle.errors import Forbidden, NotFound, NotNow
from apps.lifecycle.legality import Possibility
from apps.lifecycle.models import Resource
from apps.lifecycle.selectors import with_open_operations
from apps.lifecycle.verbs import Verb
from apps.portal.forms import BaseForm
from apps.portal.slots import actions_of

Text = str | Promise
#: Actions that cannot be undone.
FINAL = frozenset({"delete", "remove", "revoke"})


@dataclass(frozen=True)
class Do:
    """A verb as a button: its service is called as `service(actor, row, **form data)`.

    form: asked for before it is done. adapter: called in place of the verb's service, where the form is not what that
    takes. says: what goes and what stays, one sentence each, shown before a destructive verb. typed_name: the name must
    be typed; by default where the verb cannot be undone. opens: name of a page (of the same area, keyed like the row)
    that the button leads to instead of doing anything itself; own_tab: in a tab of its own. bulk: whether it may be
    asked for on many rows at once, a form being filled in once for all; by default when there is no form. part: heading
    in the menu, see `menu_parts`.
    """

    verb: Verb
    form: type[BaseForm] | None = None
    adapter: Service | None = None
    says: Callable[[Any], Sequence[Text]] | None = None
    typed_name: bool | None = None
    opens: str = ""
    own_tab: bool = False
    bulk: bool | None = None
    part: Text = ""
    #: What people also call it, for the search box: "stop" for shutting down.
    also: Text = ""

    @property
    def service(self) -> Service:
        """What carries it out."""
        return self.adapter or service_of(self.verb)

    @property
    def wants_name(self) -> bool:
        """Whether the row's name must be typed before it is done."""
        return self.verb.action in FINAL if self.typed_name is None else self.typed_name

    @property
    def for_many(self) -> bool:
        """Whether lists offer it for all selected rows."""
        if self.opens:
            return False
        return self.form is None if self.bulk is None else self.bulk

    @property
    def slug(self) -> str:
        """The action as it stands in paths."""
        return self.verb.action.replace("_", "-")

    @property
    def asks(self) -> bool:
        """Whether something is asked or shown before it is done."""
        return self.verb.destructive or self.form is not None or self.wants_name or self.says is not None


@dataclass(frozen=True)
class Offer:
    """An action on one row, as shown: possible or not, and why not."""

    do: Do
    judged: Possibility
    url: str


OPERATE, CONFIGURE, DANGER = gettext_lazy("Operate"), gettext_lazy("Configure"), gettext_lazy("Danger zone")


def menu_parts(offers: Sequence[Offer]) -> list[tuple[Text, list[Offer]]]:
    """Return a menu's offers by part: what operators may do, what managers set, what destroys; each in its order."""
    parts: dict[Text, list[Offer]] = {}
    for offer in offers:
        parts.setdefault(offer.do.part or _part(offer.do.verb), []).append(offer)
    usual: list[Text] = [OPERATE, CONFIGURE, DANGER]
    return sorted(parts.items(), key=lambda part: usual.index(part[0]) if part[0] in usual else 1)


def _part(verb: Verb) -> Text:
    if verb.permission == "operate":
        return OPERATE
    return DANGER if verb.destructive else CONFIGURE


@dataclass(frozen=True)
class PageKind:
    """kind and plural as in verbs and paths; one and many for people; visible: the selector all pages read through."""

    kind: str
    plural: str
    one: Text
    many: Text
    icon: str
    visible: Callable[[Actor], QuerySet[Any]]
    actions: Sequence[Do] = ()
    create: Verb | None = None
    key: str = "pk"
    converter: str = "uuid"
    #: What stands beside a row's name where it is found by search: its addresses, say.
    beside: Callable[[Any], object] = lambda row: ""
    #: When what a row shows was last seen, where that is not now: its host is unreachable. None: up to date.
    as_of: Callable[[Any], datetime | None] = lambda row: None

    #: Whether the create page can be filled in from a row ("create another like this").
    copies: bool = False

    #: What explains it in the guide: "networks#subnets".
    help: str = ""

    def rows(self, actor: Actor) -> QuerySet[Any]:
        """Return the visible rows with what state words and actions read, at a constant number of queries."""
        rows = self.visible(actor)
        return with_open_operations(rows) if issubclass(rows.model, Resource) else rows

    def found(self, actor: Actor, key: object) -> Any:
        """Return one visible row; NotFound when there is none, as for a key from a query that cannot be one."""
        row = self.rows(actor).filter(**{self.key: key}).first() if is_key(self.converter, str(key)) else None
        if row is None:
            raise NotFound(_("This %(kind)s was not found.") % {"kind": self.one})
        return row

    def key_of(self, row: Any) -> Any:
        """Return what stands for the row in paths."""
        return getattr(row, self.key)

    def url(self, area: str, name: str, row: Model | None = None) -> str:
        """Return the path of one of the kind's pages: "list", "create", "one", an action, "tab.<slug>"."""
        path = f"{area}:{self.kind}.{name}"
        if row is None:
            return reverse(path)
        if self.converter != "uuid":
            return reverse(path, args=[self.key_of(row)])
        before, after = _around_key(path)
        return f"{before}{self.key_of(row)}{after}"

    def create_url(self, area: str) -> str:
        """Return the path of the form for a new one; "" where there is none: admins make no tenant's resources."""
        try:
            return self.url(area, "create")
        except NoReverseMatch:
            return ""

    def like_url(self, rights: Rights, row: Any, area: str) -> str:
        """Return the path of the form for another one like this; "" where the role or the kind has none."""
        if not self.copies or self.create is None or not self.create_url(area):
            return ""
        may = rights.covers(self.create, getattr(row, "project_id", None), getattr(row, "tenant_id", None))
        return f"{self.create_url(area)}?like={self.key_of(row)}" if may else ""

    @property
    def all_actions(self) -> list[Do]:
        """The kind's own actions and those that apps above add."""
        return actions_of(self.kind, self.actions)

    def offers(
        self, rights: Rights, row: Any, area: str, *, only: Sequence[str] | None = None
    ) -> list[Offer]:
        """Return the actions on a row that this area has, judged, in the order they were declared; `only` these."""
        judged = {p.verb.name: p for p in self.judge(rights, row)}
        return [
            Offer(do, judged[do.verb.name], self._target(do, row, area))
            for do in self.all_actions
            if do.verb.name in judged and (only is None or do.verb.action in only)
        ]

    @property
    def for_many(self) -> list[Do]:
        """The actions that may be requested on many rows at once."""
        return [do for do in self.all_actions if do.for_many]

    def judge(self, rights: Rights, row: Any) -> list[Possibility]:
        """Judge the kind's verbs on a row: the one rule behind buttons, menus and bulk."""
        if isinstance(row, Resource):
            return rights.actions(row)
        tenant_id = getattr(row, "tenant_id", None)
        judged = []
        for verb in (do.verb for do in self.all_actions):
            if rights.covers(verb, None, tenant_id):
                judged.append(_possible(verb, row))
            elif reason := refused_to_administrator(rights.actor, verb):
                judged.append(Possibility(verb, Forbidden.code, reason))
        return judged

    def _target(self, do: Do, row: Any, area: str) -> str:
        if do.opens:
            return reverse(f"{area}:{do.opens}", args=[self.key_of(row)])
        return self.url(area, do.verb.action, row)


@cache
def _around_key(name: str) -> tuple[str, str]:
    # Two paths for each row of a list: to put them together again each time was a tenth of a page's time.
    before, after = reverse(name, args=[UUID(int=0)]).split(str(UUID(int=0)))
    return before, after


def _possible(verb: Verb, row: Any) -> Possibility:
    """Judge a verb on a row that is no resource: it has no state, but perhaps an obstacle."""
    reason = verb.obstacle(row) if verb.obstacle else None
    return Possibility(verb, NotNow.code, str(reason)) if reason else Possibility(verb)


def neighbour_url(rights: Rights, area: str, row: Resource) -> str:
    """Return the path of a resource that another one names; "" when the reader may not open it."""
    return resource_url(area, row.kind, row.pk) if rights.sees(row) else ""


def resource_url(area: str, kind: str, key: object) -> str:
    """Return the path of a resource's page by its kind's name; "" when this area has none."""
    try:
        return reverse(f"{area}:{kind}.one", args=[key])
    except NoReverseMatch:
        return ""
