"""Changing settings: the only writer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.access import allow, ensure_may
from apps.accounts.single_line import clean_line
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Invalid
from apps.platform_settings import store
from apps.platform_settings.catalogue import ACCOUNTS, named
from apps.platform_settings.kinds import Line, Setting
from apps.platform_settings.models import PlatformSetting
from apps.settings_pages.verbs import CHANGE, CHANGE_LOG_IN


@serves(CHANGE)
@transaction.atomic
def change_settings(actor: Actor, given: Mapping[str, Any]) -> list[str]:
    """Set values by name; None restores a default. Returns the names that changed.

    All or nothing. A value equal to the default is not kept, so that a default from the environment goes on holding.
    Other processes follow within two seconds. Raises Forbidden, NotRecent, or Invalid with the setting as the field.
    """
    allowed = allow(actor, CHANGE, project=None, tenant_id=None)
    cleaned = _cleaned(given)
    _lock()
    changes = {
        setting: (setting.value(), value) for setting, value in cleaned.items() if setting.value() != value
    }
    if any(setting.group is ACCOUNTS for setting in changes):
        allow(actor, CHANGE_LOG_IN, project=None, tenant_id=None)
    for setting, (_before, value) in changes.items():
        _write(actor, setting, value)
    if changes:
        args = {
            setting.name: {"from": setting.dump(before), "to": setting.dump(value)}
            for setting, (before, value) in changes.items()
        }
        allowed.record(name=", ".join(sorted(args)), args=args)
    store.forget()
    transaction.on_commit(store.forget)
    return sorted(setting.name for setting in changes)


def hold_settings(actor: Actor) -> None:
    """Lock all settings against other changes until the transaction ends. Raises Forbidden."""
    ensure_may(actor, CHANGE, None, None)
    _lock()


def _lock() -> None:
    """One change at a time: a setting at its default has no row to lock. Reading goes on."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE platform_settings_platformsetting IN SHARE ROW EXCLUSIVE MODE")
    store.forget()


def _cleaned(given: Mapping[str, Any]) -> dict[Setting[Any], Any]:
    cleaned: dict[Setting[Any], Any] = {}
    wrong: dict[str, list[str]] = {}
    for name, value in given.items():
        setting = named(name)
        if setting is None:
            wrong[name] = [_("Setting not found.")]
            continue
        try:
            cleaned[setting] = setting.default_value() if value is None else setting.clean(value)
            if isinstance(setting, Line):
                cleaned[setting] = clean_line(name, cleaned[setting], setting.longest)
        except ValidationError as error:
            wrong[name] = list(error.messages)
        except Invalid as error:
            wrong |= error.fields
    if wrong:
        raise Invalid(wrong)
    return cleaned


def _write(actor: Actor, setting: Setting[Any], value: Any) -> None:
    if value == setting.default_value():
        PlatformSetting.objects.filter(name=setting.name).delete()
        return
    columns = {
        "value": setting.dump(value),
        "changed_at": timezone.now(),
        "changed_by": actor.user.username if actor.user else "platform",
    }
    PlatformSetting.objects.update_or_create(name=setting.name, defaults=columns)
