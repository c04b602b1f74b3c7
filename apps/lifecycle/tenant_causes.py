"""Causes and steps as tenants read them: the texts of `tenant_texts.py` in place of what workers and hosts said."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from apps.lifecycle.tenant_texts import CAUSES, GENERAL_CAUSE, GENERAL_STEP, OWN_TEXT, STEPS


def cause_for_tenants(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return a kept error as tenants read it, to be rendered like any other."""
    if kept.get("code") in OWN_TEXT and "/" not in f"{kept.get('message', '')}{kept.get('hint', '')}":
        return dict(kept)
    text = CAUSES.get(kept.get("code", ""), GENERAL_CAUSE)
    if "%(" in text.message:
        if _fills(text.message, kept.get("values") or {}, text.guest_paths):
            return {**kept, "message": text.message, "template": text.message, "hint": text.hint}
        text = GENERAL_CAUSE
    bare = {name: value for name, value in kept.items() if name not in {"template", "values"}}
    return {**bare, "message": text.message, "hint": text.hint}


def step_for_tenants(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return a kept step as tenants read it, to be rendered like any other."""
    if kept.get("failed"):
        cause = cause_for_tenants(kept)
        return {"text": cause["message"]} | {
            key: cause[key] for key in ("template", "values") if key in cause
        }
    template = kept.get("template") or kept.get("text") or ""
    text = STEPS.get(template, GENERAL_STEP if template else "")
    if "%(" not in text:
        return {"text": text}
    values = kept.get("values") or {}
    return (
        {"text": text, "template": text, "values": values} if _fills(text, values) else {"text": GENERAL_STEP}
    )


def _fills(template: str, values: Mapping[str, Any], guest_paths: Collection[str] = ()) -> bool:
    """Whether the values complete the template, none of them with a path in it that is not the guest's own."""
    try:
        said = template % {**values, **{name: "" for name in guest_paths if name in values}}
    except (KeyError, TypeError, ValueError):
        return False
    return "/" not in said
