"""The user guide: the Markdown files of docs/guide, rendered once per process and served under /help/.

A folder `zh` beside them has the pages in Chinese; what it lacks is shown in English. Headings of a translation have
the anchors of the English ones, in the same order, so that a topic leads to the same place in both.

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
from django.utils.translation import get_language
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
#: Folders of translations by the start of the reader's language, with what HTML calls the language.
ENGLISH = "en"
TRANSLATIONS = {"zh": "zh-Hans"}
#: Pages for administrators only.
ADMINISTRATION = frozenset({"administration"})
#: A link to another page of the guide, as it also works between the files: `networks.md#subnets`.
LINK = re.compile(r"(?P<slug>[\w-]+)\.md(?P<anchor>#[\w-]+)?")


@dataclass(frozen=True)
class GuidePage:
    """html: without the title. headings: the text of each heading by its anchor, in their order.

    language: of the text, as HTML's `lang` has it.
    """

    slug: str
    title: str
    html: SafeString
    headings: Mapping[str, str]
    language: str = ENGLISH


def guide() -> Mapping[str, GuidePage]:
    """Return the pages by their names, in the reader's language where it is there."""
    return guide_in((get_language() or ENGLISH).partition("-")[0])


@cache
def guide_in(language: str) -> Mapping[str, GuidePage]:
    """Return the pages in a language ("zh"), each in English where it has none."""
    english = {slug: _page(FOLDER / f"{slug}.md") for slug in PAGES}
    if language not in TRANSLATIONS:
        return english
    return {slug: _translated(page, language) for slug, page in english.items()}


def topic_title(topic: str) -> str:
    """Return the heading that a topic ("networks#subnets") leads to. Raises KeyError when there is none."""
    slug, _, anchor = topic.partition("#")
    page = guide()[slug]
    return page.headings[anchor] if anchor else page.title


def topic_language(topic: str) -> str:
    """Return the language of a topic's page, as HTML's `lang` has it."""
    return guide()[topic.partition("#")[0]].language


def guide_url(area: str, topic: str) -> str:
    """Return the path of a topic."""
    slug, hash_sign, anchor = topic.partition("#")
    return f"{reverse(f'{area}:guide.page', args=[slug])}{hash_sign}{anchor}"


def _translated(page: GuidePage, language: str) -> GuidePage:
    path = FOLDER / language / f"{page.slug}.md"
    return _page(path, list(page.headings), TRANSLATIONS[language]) if path.is_file() else page


def _page(path: Path, anchors: Sequence[str] = (), language: str = ENGLISH) -> GuidePage:
    """Read a file. anchors: those of the page that it is the translation of."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(path.read_text())
    headings = _give_anchors(tokens, anchors)
    _lead_links(tokens)
    title, rest = tokens[1].content, tokens[3:]
    # The files are the platform's own, and HTML in them is not let through.
    html = mark_safe(markdown.renderer.render(rest, markdown.options, {}))  # noqa: S308
    return GuidePage(path.stem, title, html, headings, language)


def _give_anchors(tokens: Sequence[Token], anchors: Sequence[str]) -> dict[str, str]:
    """Give each heading an anchor: the given one in its place, else one made from its text."""
    found: dict[str, str] = {}
    for opening, inside in pairwise(tokens):
        if opening.type == "heading_open" and opening.tag != "h1":
            anchor = anchors[len(found)] if len(found) < len(anchors) else slugify(inside.content)
            opening.attrSet("id", anchor)
            found[anchor] = inside.content
    return found


def _lead_links(tokens: Sequence[Token]) -> None:
    """Make links between files links between pages."""
    for inside in (inside for token in tokens for inside in token.children or []):
        match = LINK.fullmatch(str(inside.attrGet("href"))) if inside.type == "link_open" else None
        if match is not None:
            inside.attrSet("href", f"../{match['slug']}/{match['anchor'] or ''}")
