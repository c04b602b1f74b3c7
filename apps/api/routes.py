"""The paths of a kind, from what its API class declares."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path

from apps.api.bulk import bulk_actions
from apps.api.converters import in_path
from apps.api.offered import offer
from apps.api.representation import slug
from apps.api.views import ObjectApi
from apps.lifecycle.verbs import Verb


def routes(plural: str, view: type[ObjectApi]) -> list[URLPattern]:
    """Return the paths of a kind: /vms, /vms/bulk, /vms/<id>, /vms/<id>/start …

    Their names: "vms", "vms-bulk", "vms-one", "vms-start".
    """
    offer(*_verbs_of(view))
    many: dict[str, Any] = {"get": "get_list"} | ({"post": "post_list"} if view.create else {})
    one: dict[str, Any] = {"get": "get_one"}
    one |= {"patch": "patch_one"} if view.update else {}
    one |= {"delete": "delete_one"} if view.delete else {}
    where = f"{plural}/<{in_path(view.converter)}:key>"
    acts = [
        path(
            f"{where}/{slug(act.verb.action)}",
            view.as_view({"post": "post_action"}, act=act),
            name=f"{plural}-{slug(act.verb.action)}",
        )
        for act in view.actions
    ]
    bulk = [path(f"{plural}/bulk", view.as_view({"post": "post_bulk"}), name=f"{plural}-bulk")]
    return [
        path(plural, view.as_view(many), name=plural),
        *(bulk if bulk_actions(view) else []),
        path(where, view.as_view(one), name=f"{plural}-one"),
        *acts,
    ]


def _verbs_of(view: type[ObjectApi]) -> list[Verb]:
    declared = (view.create, view.update, view.delete, *view.actions)
    return [each.verb for each in declared if each is not None]
