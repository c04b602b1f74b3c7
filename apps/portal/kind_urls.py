"""The paths of a kind's pages, the same for every kind and both portals."""

from __future__ import annotations

from django.urls import URLPattern, path

from apps.portal.actions import ActionPage, MenuPage
from apps.portal.bulk import BulkPage
from apps.portal.create import CreatePage
from apps.portal.detail import DetailPage
from apps.portal.kinds import PageKind
from apps.portal.lists import ListPage
from apps.portal.slots import tabs_of


def kind_paths(
    of: PageKind,
    *,
    list: type[ListPage] | None = None,
    detail: type[DetailPage] | None = None,
    create: type[CreatePage] | None = None,
    admin: bool = False,
) -> list[URLPattern]:
    """Return /vms/, /vms/bulk/, /vms/create/, /vms/<id>/, /vms/<id>/<tab>/, /vms/<id>/<action>/.

    Their names: vm.list, vm.create, vm.one, vm.tab.<slug>, vm.<action>, vm.menu.
    """
    where = f"{of.plural}/<{of.converter}:key>/"
    found = []
    if list is not None:
        found.append(path(f"{of.plural}/", list.as_view(admin=admin), name=f"{of.kind}.list"))
    if list is not None and of.for_many:
        found.append(
            path(
                f"{of.plural}/bulk/",
                BulkPage.as_view(of=of, shown_by=list, admin=admin),
                name=f"{of.kind}.bulk",
            )
        )
    if create is not None:
        found.append(path(f"{of.plural}/create/", create.as_view(admin=admin), name=f"{of.kind}.create"))
    if detail is not None:
        found.append(path(where, detail.as_view(admin=admin), name=f"{of.kind}.one"))
        found += [
            path(
                f"{where}{tab.slug}/",
                detail.as_view(admin=admin, tab=tab.slug),
                name=f"{of.kind}.tab.{tab.slug}",
            )
            for tab in tabs_of(of.kind, detail.tabs)
            if tab.slug and (admin or not tab.admin)
        ]
    if of.all_actions:
        found.append(path(f"{where}menu/", MenuPage.as_view(of=of, admin=admin), name=f"{of.kind}.menu"))
    found += [
        path(
            f"{where}{do.slug}/",
            ActionPage.as_view(of=of, do=do, admin=admin),
            name=f"{of.kind}.{do.verb.action}",
        )
        for do in of.all_actions
        if not do.opens
    ]
    return found
