"""What a kind's API class declares: its create, update and actions, and whose rows it shows.

Apart from the routes (`views.py`), so that the schema, bulk actions and dry runs read it without knowing them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from django.db.models import Model, QuerySet
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet

from apps.accounts.rights import Rights
from apps.api.base import ApiView
from apps.api.representation import Out
from apps.api.sorting import SortBy, Sorts, sortable
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import Service, service_of
from apps.lifecycle.forecast import Forecast
from apps.lifecycle.verbs import Verb

Body = type[Serializer[Any]]


@dataclass(frozen=True)
class Explain:
    """A forecast of the kind's own. `own` returns its further fields JSON-ready, as the serializer `out` declares them.

    `forecast(actor, asked)` gets what was sent and is valid so far; anything may be missing.
    """

    forecast: Callable[[Actor, Mapping[str, Any]], Forecast]
    own: Callable[[Any, Rights], dict[str, Any]]
    out: Body


@dataclass(frozen=True)
class Create:
    """POST on the list: `service(actor, **body)` returns an Operation, several, or (immediate) the resource."""

    #: Looked at before the body is.
    verb: Verb
    body: Body
    #: Called in place of the verb's service, where the body is not what that takes (an id for a row, say).
    adapter: Service | None = None
    immediate: bool = False
    #: One POST may make several: the answer then has lists `operations` and `resources`.
    batch: bool = False
    #: Of a batch: each operation's `resource` has in memory all that the representation reads; it is not read again.
    in_memory: bool = False
    #: What a dry run can say beside quotas and refusals.
    explain: Explain | None = None
    #: Schema of an immediate answer that is not the representation (a secret shown once, say).
    out: Body | None = None

    @property
    def service(self) -> Service:
        """What creates."""
        return self.adapter or service_of(self.verb)


@dataclass(frozen=True)
class Action:
    """A verb on one resource: `service(actor, resource, **body)` returns an Operation, or (immediate) the resource."""

    verb: Verb
    body: Body | None = None
    #: As for `Create`.
    adapter: Service | None = None
    immediate: bool = False
    #: Whether it may be requested on many rows at once; not for what answers with a secret.
    bulk: bool = True

    @property
    def service(self) -> Service:
        """What carries it out."""
        return self.adapter or service_of(self.verb)


@dataclass(frozen=True)
class Update:
    """PATCH: name, description and project; with `Labels`, of what has no project, the first two; with another body,
    what the kind's own service changes.
    """

    verb: Verb
    body: Body | None = None
    #: As for `Create`.
    adapter: Service | None = None
    immediate: bool = False

    @property
    def service(self) -> Service:
        """What changes the row."""
        return self.adapter or service_of(self.verb)


class KindApi(ApiView, GenericViewSet[Any]):
    """What the class of a kind declares; `views` has the routes, which read it."""

    model: ClassVar[type[Model]]
    out: ClassVar[type[Out]]
    #: Column that stands in the path; with `converter` "slug", "int" or "uuid".
    key: ClassVar[str] = "pk"
    converter: ClassVar[str] = "uuid"
    create: ClassVar[Create | None] = None
    update: ClassVar[Update | None] = None
    delete: ClassVar[Action | None] = None
    actions: ClassVar[Sequence[Action]] = ()
    #: Fields of `out` that only the answer to the request that made them shows; kept nowhere, not even in a cache.
    secrets: ClassVar[Sequence[str]] = ()
    #: What the list can be ordered by beside the columns of its filters, see `sorting.py`.
    sorts: ClassVar[Sorts] = {}
    #: Set per route.
    act: Action | None = None

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Return the rows the actor may know of, related rows selected: the one thing every subclass must say."""
        raise NotImplementedError

    @classmethod
    def sortable(cls, *, admin: bool) -> dict[str, tuple[SortBy, ...]]:
        """Return what the list can be ordered by, by name."""
        filters: Any = getattr(cls, "filterset_class", None)
        return sortable(filters.narrowed_by() if filters else {}, cls.sorts, admin=admin)

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return cast(Actor, self.request.actor)  # type: ignore[attr-defined]

    @property
    def rights(self) -> Rights:
        """What the asker may do."""
        if not hasattr(self, "_rights"):
            self._rights = Rights(self.actor)
        return self._rights
