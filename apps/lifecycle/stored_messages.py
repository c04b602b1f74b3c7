"""What workers and hosts have to say, kept so that whoever reads it later reads it in their own language.

Kept is the English sentence, and where it has values in it also its template and these. A template is a catalogue's
msgid: marked with `_` where it is written, looked up here where it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from apps.drivers.errors import DriverError

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
    """Return a kept sentence in the reader's language; "" when there is none."""
    template = kept.get("template") or kept.get(name) or ""
    said = gettext(template) if template else ""
    return said % kept["values"] if "template" in kept else said


def rendered_error(kept: Mapping[str, Any]) -> dict[str, str]:
    """Return code, message and hint of a kept error in the reader's language; empty texts when there is none."""
    hint = kept.get("hint") or ""
    return {
        "code": kept.get("code", ""),
        "message": rendered_message(kept, "message"),
        "hint": gettext(hint) if hint else "",
    }
