"""The verbs that most kinds have, as most kinds have them. What differs for a kind is given by keyword."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.lifecycle.models import State
from apps.lifecycle.models.status import Status
from apps.lifecycle.verbs import ANY_STATE, Cancel, Text, Verb


def create_verb(kind: str, label: Text, **differs: Any) -> Verb:
    """Return `<kind>.create`, which writes an operation and is tried again by `<kind>.retry`."""
    verb = Verb(
        f"{kind}.create",
        label,
        _("Creating"),
        permission="manage",
        on_resource=False,
        retried_by="retry",
        icon="plus",
        status=Status.CREATING,
    )
    return replace(verb, **differs)


def retry_verb(kind: str, **differs: Any) -> Verb:
    """Return `<kind>.retry`: make what could not be created."""
    verb = Verb(
        f"{kind}.retry",
        _("Retry"),
        _("Creating"),
        permission="manage",
        states=frozenset({State.ERROR}),
        icon="rotate-clockwise-2",
        status=Status.CREATING,
    )
    return replace(verb, **differs)


def rename_verb(kind: str) -> Verb:
    """Return `<kind>.rename`: change name and description, whatever else is going on."""
    return Verb(
        f"{kind}.rename",
        _("Rename"),
        _("Renaming"),
        permission="manage",
        states=ANY_STATE,
        exclusive=False,
        icon="pencil",
    )


def delete_verb(kind: str, **differs: Any) -> Verb:
    """Return `<kind>.delete`, by an operation that pushes aside what is under way."""
    verb = Verb(
        f"{kind}.delete",
        _("Delete"),
        _("Deleting"),
        permission="manage",
        states=ANY_STATE,
        destructive=True,
        removes=True,
        supersedes=True,
        rank=1,
        cancel=Cancel.BEFORE,
        icon="trash",
        status=Status.DELETING,
    )
    return replace(verb, **differs)


def immediate_delete_verb(kind: str) -> Verb:
    """Return `<kind>.delete` of a kind that is rows and nothing else: no operation, nothing to cancel."""
    return delete_verb(kind, supersedes=False, rank=0, cancel=Cancel.ANY_TIME)


def resync_verb(kind: str) -> Verb:
    """Return `<kind>.resync`: make what is there match the rows."""
    return Verb(
        f"{kind}.resync",
        _("Resync"),
        _("Resyncing"),
        permission="admin",
        states=frozenset({State.READY}),
        icon="arrows-exchange",
    )


def force_clean_verb(kind: str) -> Verb:
    """Return `<kind>.force_clean`: remove what can be removed, and the row in any case."""
    return Verb(
        f"{kind}.force_clean",
        _("Force clean"),
        _("Deleting"),
        permission="admin",
        states=ANY_STATE,
        destructive=True,
        removes=True,
        supersedes=True,
        rank=2,
        cancel=Cancel.BEFORE,
        icon="eraser",
        status=Status.DELETING,
    )
