"""What workers and hosts have to say, kept so that whoever reads it later reads it in their own language.

Tenants read texts of their own in its place (`tenant_texts.py`).

Kept is the English sentence, and where it has values in it also its template and these. A template is a catalogue's
msgid: marked with `_` where it is written, looked up here where it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from apps.drivers.errors import DriverError
from apps.lifecycle.reader import reads_as_tenant
from apps.lifecycle.tenant_causes import cause_for_tenants, step_for_tenants
from apps.lifecycle.tenant_texts import CAUSES

StoredMessage = dict[str, Any]


def stored_message(
    template: str, values: Mapping[str, object] | None = None, *, name: str = "text"
) -> StoredMessage:
    """Return what to keep of a sentence, JSON-ready: `{name: …}`, with "template" and "values" if it has any."""
    if not values:
        return {name: str(template)}
    plain = {key: v if isinstance(v, int | float) else str(v) for key, v in values.items()}
    return {name: str(template) % plain, "template": str(template), "values": plain}


def stored_error(error: DriverError) -> StoredMessage:
    """Return what to keep of an error, JSON-ready."""
    return {
        "code": error.code,
        "hint": error.hint,
        **stored_message(error.template, error.values, name="message"),
    }


def rendered_message(kept: Mapping[str, Any], name: str = "text") -> str:
    """Return a kept sentence in the reader's language and for the reader; "" when there is none.

    name: "message" of an error, "text" of a step.
    """
    if kept.get(name) and reads_as_tenant():
        kept = cause_for_tenants(kept) if name == "message" else step_for_tenants(kept)
    return _in_language(kept, name)


def rendered_event(text: str) -> str:
    """Return the sentence of an event in the reader's language. Events name no host: tenants read them as they are."""
    return _in_language({"text": text}, "text")


def _in_language(kept: Mapping[str, Any], name: str) -> str:
    template = kept.get("template") or kept.get(name) or ""
    said = gettext(template) if template else ""
    return said % kept["values"] if "template" in kept else said


def codes_saying(text: str) -> list[str]:
    """Return the codes of errors whose text for tenants holds this, in the reader's language."""
    wanted = text.casefold()
    return [code for code, cause in CAUSES.items() if wanted in gettext(cause.message).casefold()]


def rendered_error(kept: Mapping[str, Any]) -> dict[str, str]:
    """Return code, message and hint of a kept error in the reader's language; empty texts when there is none."""
    if kept.get("message") and reads_as_tenant():
        kept = cause_for_tenants(kept)
    hint = kept.get("hint") or ""
    return {
        "code": kept.get("code", ""),
        "message": _in_language(kept, "message"),
        "hint": gettext(hint) if hint else "",
    }
