"""The style page is there for developers, and for nobody else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

CSS = Path(__file__).resolve().parents[2] / "static" / "css"


@pytest.mark.django_db
def test_outside_development_there_is_no_style_page(client: Client) -> None:
    assert client.get("/style/").status_code == 404


@pytest.mark.django_db
def test_in_development_it_shows_every_component_in_both_themes(
    client: Client, settings: LazySettings
) -> None:
    settings.DEBUG = True
    answer = client.get("/style/")
    assert answer.status_code == 200
    html = answer.content.decode()
    for component in (
        "pill-error",
        "meter-warn",
        "btn-danger",
        "field-wrong",
        "toast-busy",
        "timeline-list",
        "empty-first",
    ):
        assert html.count(component) >= 2, component
    ids = re.findall(r'(?<!-)\bid="([^"]+)"', html)
    doubled = {name for name in ids if ids.count(name) > 1} - {"dialog-title", "typed_name"}
    assert doubled == set()


@pytest.mark.requirement("UX-10")
def test_both_themes_name_the_same_colours() -> None:
    text = (CSS / "tokens.css").read_text()
    light, dark = (
        set(re.findall(r"(--[\w-]+):", block))
        for block in re.findall(r'data-bs-theme="(?:light|dark)"\] \{(.*?)\n\}', text, re.S)[:2]
    )
    assert light == dark


@pytest.mark.parametrize("path", sorted(CSS.glob("*.css")), ids=lambda path: path.name)
def test_only_the_tokens_name_raw_colours(path: Path) -> None:
    if path.name == "tokens.css":
        return
    raw = re.findall(r"#(?:[0-9a-f]{6}|[0-9a-f]{3})\b(?=[ ;,)])|\brgba?\(|\bhsla?\(", path.read_text())
    assert raw == []
