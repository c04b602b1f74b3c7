"""Reading and writing what users keep of their lists. Their own affair: nothing here is logged."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.accounts.single_line import clean_line, is_one_line
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden, Invalid, NotFound, NotNow
from apps.portal.models import ListSetting, SavedView

#: Names of columns are short and few; whatever else is sent is cut off.
MOST_COLUMNS, LONGEST_QUERY = 60, 4000
#: Views of one list: own ones, and shared ones of a tenant. All that a reader sees stand on each page of the list.
MOST_OWN, MOST_SHARED = 50, 50


def setting_of(actor: Actor, list_key: str) -> ListSetting:
    """Return how the actor has the list shown; unsaved defaults when nothing is kept."""
    found = ListSetting.objects.filter(user=actor.user, list_key=list_key).first()
    return found or ListSetting(user=actor.user, list_key=list_key)


def views_of(actor: Actor, list_key: str) -> QuerySet[SavedView]:
    """Return the actor's own views of a list and those shared in the tenant acted for."""
    tenant = Q(tenant=actor.tenant) if actor.tenant else Q(tenant__isnull=True)
    return SavedView.objects.filter(tenant, Q(user=actor.user) | Q(shared=True), list_key=list_key)


def view_to_use(actor: Actor, list_key: str, pk: int | None) -> SavedView | None:
    """Return a view in sight, None for no number; NotFound when there is none."""
    if pk is None:
        return None
    view = views_of(actor, list_key).filter(pk=pk).first()
    if view is None:
        raise NotFound(_("View not found."))
    return view


def own_view(actor: Actor, list_key: str, pk: int) -> SavedView:
    """Return a view to change; NotFound when it is not in sight, Forbidden when it is somebody else's."""
    view = view_to_use(actor, list_key, pk)
    assert view is not None
    if view.user != actor.user:
        raise Forbidden(
            _("Only the creator of the view can change it."), hint=_("Save it under another name.")
        )
    return view


def hold_view(view: SavedView) -> None:
    """Lock a view until the transaction ends, and read it again. Raises NotFound."""
    try:
        view.refresh_from_db(from_queryset=SavedView.objects.select_for_update(no_key=True))
    except SavedView.DoesNotExist:
        raise NotFound(_("View not found.")) from None


def keep_setting(
    actor: Actor, list_key: str, *, columns: Sequence[str], density: str, page_size: int | None
) -> None:
    """Keep how the actor wants the list shown."""
    ListSetting.objects.update_or_create(
        user=actor.user,
        list_key=list_key,
        defaults={
            "columns": _kept(columns),
            "density": density,
            "page_size": page_size,
        },
    )


def forget_setting(actor: Actor, list_key: str) -> None:
    """Show the list as it comes; which view it opens with stays."""
    ListSetting.objects.filter(user=actor.user, list_key=list_key).update(
        columns=[], density=ListSetting.Density.COMFORTABLE, page_size=None
    )


def write_view(
    actor: Actor,
    list_key: str,
    view: SavedView | None,
    *,
    name: str,
    query: str,
    columns: Sequence[str],
    shared: bool,
) -> SavedView:
    """Keep a new view, or change one's own. Raises Invalid when the name is empty or taken, NotNow for too many.

    Call in a transaction.
    """
    if view is None:
        view = SavedView(user=actor.user, tenant=actor.tenant, list_key=list_key)
    else:
        hold_view(view)
    view.name = clean_line("name", name.strip()[:63], 63)
    if not view.name:
        raise Invalid({"name": [_("Enter a name for the view.")]})
    view.query = clean_line("query", query[:LONGEST_QUERY], LONGEST_QUERY)
    _ensure_room(actor, view, shared=shared)
    view.columns, view.shared = _kept(columns), shared
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        raise Invalid({"name": [_("You already have a view with this name.")]}) from error
    return view


def _ensure_room(actor: Actor, view: SavedView, *, shared: bool) -> None:
    """Raise NotNow when there are as many views as there may be."""
    # One at a time, so that of many at once none is too many.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext(%s))", [f"saved views {view.list_key} {view.tenant_id}"]
        )
    there = SavedView.objects.filter(list_key=view.list_key, tenant=view.tenant).exclude(pk=view.pk)
    if view._state.adding and there.filter(user=actor.user).count() >= MOST_OWN:
        raise NotNow(
            _("You already have %(n)d views of this list.") % {"n": MOST_OWN},
            hint=_("Delete one of them first."),
        )
    if shared and not view.shared and there.filter(shared=True).count() >= MOST_SHARED:
        raise NotNow(
            _("%(n)d views of this list are already shared.") % {"n": MOST_SHARED},
            hint=_("Keep this view private, or ask for a shared view to be deleted."),
        )


def set_default(actor: Actor, list_key: str, view: SavedView, *, opens: bool) -> None:
    """Open the list with this view from now on, or no longer."""
    if opens:
        ListSetting.objects.update_or_create(
            user=actor.user, list_key=list_key, defaults={"default_view": view}
        )
    else:
        ListSetting.objects.filter(user=actor.user, list_key=list_key, default_view=view).update(
            default_view=None
        )


def _kept(columns: Sequence[str]) -> list[str]:
    """Return the columns to keep; what a database cannot hold is none's name."""
    return [column for column in columns if is_one_line(column)][:MOST_COLUMNS]
