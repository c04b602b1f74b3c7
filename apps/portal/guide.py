"""The user guide: the Markdown files of docs/guide, rendered once per process and served under /help/.

Nothing of a request gets into a path or into the text: pages are looked up by name among those that are there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from django.conf import settings
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from markdown_it import MarkdownIt
from markdown_it.token import Token

FOLDER = Path(settings.BASE_DIR, "docs", "guide")
#: The pages in their order.
PAGES = (
    "virtual-machines",
    "images-and-disks",
    "ssh-access",
    "networks",
    "accounts",
    "tasks",
    "administration",
)
#: Pages for administrators only.
ADMINISTRATION = frozenset({"administration"})
#: A link to another page of the guide, as it also works between the files: `networks.md#subnets`.
LINK = re.compile(r"(?P<slug>[\w-]+)\.md(?P<anchor>#[\w-]+)?")


@dataclass(frozen=True)
class GuidePage:
    """html: without the title. headings: the text of each heading by its anchor, in their order."""

    slug: str
    title: str
    html: SafeString
    headings: Mapping[str, str]


@cache
def guide() -> Mapping[str, GuidePage]:
    """Return the pages by their names."""
    return {slug: _page(FOLDER / f"{slug}.md") for slug in PAGES}


def topic_title(topic: str) -> str:
    """Return the heading that a topic ("networks#subnets") leads to. Raises KeyError when there is none."""
    slug, _, anchor = topic.partition("#")
    page = guide()[slug]
    return page.headings[anchor] if anchor else page.title


def guide_url(area: str, topic: str) -> str:
    """Return the path of a topic."""
    slug, hash_sign, anchor = topic.partition("#")
    return f"{reverse(f'{area}:guide.page', args=[slug])}{hash_sign}{anchor}"


def _page(path: Path) -> GuidePage:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(path.read_text())
    headings = _give_anchors(tokens)
    _lead_links(tokens)
    title, rest = tokens[1].content, tokens[3:]
    # The files are the platform's own, and HTML in them is not let through.
    html = mark_safe(markdown.renderer.render(rest, markdown.options, {}))  # noqa: S308
    return GuidePage(path.stem, title, html, headings)


def _give_anchors(tokens: Sequence[Token]) -> dict[str, str]:
    found = {}
    for opening, inside in pairwise(tokens):
        if opening.type == "heading_open" and opening.tag != "h1":
            anchor = slugify(inside.content)
            opening.attrSet("id", anchor)
            found[anchor] = inside.content
    return found


def _lead_links(tokens: Sequence[Token]) -> None:
    """Make links between files links between pages."""
    for inside in (inside for token in tokens for inside in token.children or []):
        match = LINK.fullmatch(str(inside.attrGet("href"))) if inside.type == "link_open" else None
        if match is not None:
            inside.attrSet("href", f"../{match['slug']}/{match['anchor'] or ''}")
