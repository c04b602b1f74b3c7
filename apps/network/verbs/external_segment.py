"""What can be done to external segments, by administrators."""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext_lazy as _

from apps.lifecycle.models import State
from apps.lifecycle.standard_verbs import (
    create_verb,
    delete_verb,
    force_clean_verb,
    rename_verb,
    resync_verb,
    retry_verb,
)
from apps.lifecycle.verbs import ANY_STATE, Cancel, Verb, declare
from apps.network.given_up import note_kept_segment

SEGMENT_CREATE = declare(create_verb("external_segment", _("Create external segment"), permission="admin"))
SEGMENT_RETRY = declare(retry_verb("external_segment", permission="admin"))
SEGMENT_CHANGE = declare(
    Verb(
        "external_segment.change",
        _("Change"),
        _("Changing"),
        permission="admin",
        states=frozenset({State.READY}),
        cancel=Cancel.NEVER,
        icon="pencil",
    )
)
SEGMENT_PERMIT = declare(
    Verb(
        "external_segment.permit",
        _("Set access"),
        _("Setting access"),
        permission="admin",
        states=ANY_STATE,
        exclusive=False,
        icon="users-group",
    )
)
SEGMENT_FREE_ADDRESS = declare(
    Verb(
        "external_segment.free_address",
        _("Free address"),
        _("Freeing"),
        permission="admin",
        states=ANY_STATE,
        exclusive=False,
        icon="circle-plus",
    )
)
SEGMENT_RENAME = declare(replace(rename_verb("external_segment"), permission="admin"))
SEGMENT_DELETE = declare(delete_verb("external_segment", permission="admin", abandoned=note_kept_segment))
SEGMENT_RESYNC = declare(resync_verb("external_segment"))
SEGMENT_FORCE_CLEAN = declare(force_clean_verb("external_segment"))
# The platform requests it by itself when hosts have come or gone.
SEGMENT_FOLLOW_HOSTS = declare(
    Verb(
        "external_segment.follow_hosts",
        _("Update the edge"),
        _("Updating the edge"),
        permission="admin",
        states=frozenset({State.READY}),
        cancel=Cancel.NEVER,
        is_task=False,
    )
)
