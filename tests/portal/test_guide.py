"""The user guide, and the links that lead from forms and empty lists to it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver

from apps.accounts.models import User
from apps.network.models import Subnet
from apps.portal import guide as guide_module
from apps.portal import urls
from apps.portal.create import CreatePage
from apps.portal.guide import ADMINISTRATION, PAGES, guide, guide_in, topic_title
from apps.portal.kinds import PageKind
from tests import factories
from tests.portal.test_pages_open import plain_paths

LINK = re.compile(r'href="(?P<path>[^"]*/help/[^"]+)" target="_blank"')
Patterns = list[URLPattern | URLResolver]
AREAS = ((urls.tenant, "/"), (urls.admin, "/admin/"))


def views_of(patterns: Patterns) -> list[Any]:
    """Return the classes of an area's pages."""
    return [view for p in patterns if (view := getattr(p.callback, "view_class", None)) is not None]


@pytest.mark.parametrize("patterns, prefix", AREAS)
def test_every_kind_has_a_topic_that_its_readers_may_open(patterns: Patterns, prefix: str) -> None:
    kinds = [view.of for view in views_of(patterns) if isinstance(getattr(view, "of", None), PageKind)]
    topics = {str(kind.kind): kind.help for kind in kinds}
    assert topics
    assert {kind: topic for kind, topic in topics.items() if not is_topic(topic)} == {}
    if prefix == "/":
        assert {kind: t for kind, t in topics.items() if t.partition("#")[0] in ADMINISTRATION} == {}


def test_every_section_of_a_create_page_names_a_topic_that_exists() -> None:
    pages = [view for view in views_of([*urls.tenant, *urls.admin]) if issubclass(view, CreatePage)]
    topics = [section.help for page in pages for section in page.sections if section.help]
    assert topics
    assert [topic for topic in topics if not is_topic(topic)] == []


def is_topic(topic: str) -> bool:
    """Whether the guide has it."""
    try:
        return bool(topic_title(topic))
    except KeyError:
        return False


@pytest.mark.parametrize("patterns, prefix", AREAS)
def test_every_form_and_every_empty_list_leads_to_the_guide(
    alice: User, ada: User, patterns: Patterns, prefix: str
) -> None:
    client = factories.page_client(ada if prefix == "/admin/" else alice)
    without, topics = [], set()
    for path in plain_paths(patterns):
        answer = client.get(prefix + path)
        if answer.status_code != 200 or not answer.headers["Content-Type"].startswith("text/html"):
            continue
        html = answer.content.decode()
        links = LINK.findall(html)
        topics |= set(links)
        if ('data-field="' in html or "empty-first" in html) and not links:
            without.append(path)
        sections = html.count('<section class="card form-section') if 'class="create-main"' in html else 0
        if "data-create" in html and len(links) < sections:
            without.append(f"{path}: {sections} sections, {len(links)} links")
    assert without == []
    assert len(topics) > 5
    for topic in topics:
        path, _, anchor = topic.partition("#")
        answer = client.get(path)
        assert answer.status_code == 200, topic
        assert f'id="{anchor}"' in answer.content.decode() or not anchor, topic


def test_a_form_behind_a_button_leads_to_the_guide(alice: User, subnet: Subnet) -> None:
    vpc = subnet.vpc_id
    html = factories.page_client(alice).get(f"/vpcs/{vpc}/rename/").content.decode()
    assert LINK.findall(html) == ["/help/networks/#vpcs"]


def test_a_tenant_reads_no_page_for_administrators(alice: User, ada: User) -> None:
    tenant, admin = factories.page_client(alice), factories.page_client(ada)
    for slug in ADMINISTRATION:
        assert tenant.get(f"/help/{slug}/").status_code == 404
        assert f"/help/{slug}/" not in tenant.get("/help/").content.decode()
        assert admin.get(f"/admin/help/{slug}/").status_code == 200


def test_the_guide_needs_a_log_in_and_has_only_its_own_pages(client: Client, alice: User) -> None:
    assert client.get("/help/networks/").status_code == 302
    for slug in ("README", "..", "%2e%2e%2fsecurity", "no-such-page"):
        assert factories.page_client(alice).get(f"/help/{slug}/").status_code == 404


def test_links_between_pages_lead_to_headings_that_exist() -> None:
    for page in guide().values():
        for target in re.findall(r'href="([^"]+)"', page.html):
            match = re.fullmatch(r"\.\./([\w-]+)/(?:#([\w-]+))?", target)
            assert match, f"{page.slug}: {target} leaves the guide"
            assert not match[2] or match[2] in guide()[match[1]].headings, f"{page.slug}: {target}"
            assert page.slug in ADMINISTRATION or match[1] not in ADMINISTRATION


def test_every_file_of_the_guide_is_served() -> None:
    folders = [guide_module.FOLDER / language for language in guide_module.TRANSLATIONS]
    assert sorted(guide_module.FOLDER.iterdir()) == sorted(
        [*folders, *(guide_module.FOLDER / f"{slug}.md" for slug in guide())]
    )
    for folder in folders:
        assert sorted(path.name for path in folder.iterdir()) == sorted(f"{slug}.md" for slug in guide())


@pytest.mark.requirement("UX-13")
@pytest.mark.parametrize("slug", PAGES)
def test_every_page_has_a_chinese_one_with_the_same_headings_links_and_table_rows(slug: str) -> None:
    english, chinese = ((guide_module.FOLDER / folder / f"{slug}.md").read_text() for folder in ("", "zh"))

    def outline(text: str) -> list[str]:
        return re.findall(r"^#+ ", text, re.MULTILINE)

    assert outline(chinese) == outline(english)
    assert sorted(re.findall(r"\]\(([^)]+)\)", chinese)) == sorted(re.findall(r"\]\(([^)]+)\)", english))
    assert len(re.findall(r"^[|-]", chinese, re.MULTILINE)) == len(
        re.findall(r"^[|-]", english, re.MULTILINE)
    )
    assert list(guide_in("zh")[slug].headings) == list(guide_in("en")[slug].headings)


@pytest.mark.requirement("UX-13")
def test_who_reads_chinese_reads_the_guide_in_chinese(alice: User) -> None:
    client = factories.page_client(alice)
    english = client.get("/help/networks/").content.decode()
    assert 'lang="en">Networks</h1>' in english
    User.objects.filter(pk=alice.pk).update(language="zh-hans")
    html = client.get("/help/networks/").content.decode()
    assert 'lang="zh-Hans">网络</h1>' in html
    assert 'id="security-groups">安全组</h2>' in html
    form = client.get("/vpcs/create/").content.decode()
    assert '<span lang="zh-Hans">私有网络 VPC</span>' in form


def test_a_page_without_a_translation_is_shown_in_english(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for slug in PAGES:
        (tmp_path / f"{slug}.md").write_text("# Title\n\n## Part\n")
    (tmp_path / "zh").mkdir()
    (tmp_path / "zh" / "tasks.md").write_text("# 任务\n\n## 部分\n")
    monkeypatch.setattr(guide_module, "FOLDER", tmp_path)
    pages = guide_in.__wrapped__("zh")
    assert (pages["tasks"].title, pages["tasks"].language, dict(pages["tasks"].headings)) == (
        "任务",
        "zh-Hans",
        {"part": "部分"},
    )
    assert (pages["networks"].title, pages["networks"].language) == ("Title", "en")


def test_html_in_a_page_is_shown_and_not_run(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("# Title\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1))\n")
    html = guide_module._page(file).html
    assert "<script" not in html
    assert "href" not in html
