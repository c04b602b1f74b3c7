"""How a VM is chosen that a disk is attached to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


class Suggestions(forms.TextInput):
    """A text that the browser completes from a list."""

    def __init__(self, suggestions: Sequence[tuple[str, str]]) -> None:
        super().__init__({"autocomplete": "off", "spellcheck": "false"})
        self.suggestions = suggestions

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Draw the input and its list."""
        key = f"{(attrs or {}).get('id', name)}_list"
        options = format_html_join("", '<option value="{}">{}</option>', self.suggestions)
        drawn = super().render(name, value, {**(attrs or {}), "list": key}, renderer)
        return format_html('{}<datalist id="{}">{}</datalist>', drawn, key, options)
