"""Lists to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms


class SelectWithReasons(forms.Select):
    """A list in which what cannot be chosen is named with the reason."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reasons: Mapping[str, str] = {}

    def create_option(self, name: str, value: Any, label: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Disable an option that has a reason."""
        reason = self.reasons.get(str(value))
        shown = f"{label}: {reason}" if reason else label
        option: dict[str, Any] = super().create_option(name, value, shown, *args, **kwargs)
        if reason:
            option["attrs"]["disabled"] = True
        return option
