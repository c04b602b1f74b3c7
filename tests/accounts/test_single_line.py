"""Text of one line: one form, and nothing that cannot be seen."""

from __future__ import annotations

import unicodedata

import pytest

from apps.accounts.models import Tenant, User
from apps.accounts.single_line import clean_line, is_one_line
from apps.lifecycle.errors import Invalid
from apps.network.models import Vpc
from tests import factories

pytestmark = pytest.mark.requirement("IN-1")

NAME = "Zürich-é"
DECOMPOSED = unicodedata.normalize("NFD", NAME)


def test_both_forms_of_a_name_are_stored_as_one() -> None:
    assert NAME != DECOMPOSED
    assert clean_line("name", DECOMPOSED, 63) == clean_line("name", NAME, 63) == NAME


def test_letters_are_counted_as_they_are_stored() -> None:
    assert len(clean_line("name", unicodedata.normalize("NFD", "é" * 63), 63)) == 63


@pytest.mark.parametrize(
    ("letter", "named"),
    [
        ("\u200b", "U+200B ZERO WIDTH SPACE"),
        ("\u2060", "U+2060 WORD JOINER"),
        ("\ufeff", "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
        ("\u00ad", "U+00AD SOFT HYPHEN"),
        ("\u200e", "U+200E LEFT-TO-RIGHT MARK"),
        ("\u202e", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("\u2066", "U+2066 LEFT-TO-RIGHT ISOLATE"),
        ("\u061c", "U+061C ARABIC LETTER MARK"),
        ("\u3164", "U+3164 HANGUL FILLER"),
        ("\u034f", "U+034F COMBINING GRAPHEME JOINER"),
        ("\u200d", "U+200D ZERO WIDTH JOINER"),
        ("\u200c", "U+200C ZERO WIDTH NON-JOINER"),
        ("\U000e0061", "U+E0061 TAG LATIN SMALL LETTER A"),
    ],
)
def test_an_invisible_character_is_refused_by_name(letter: str, named: str) -> None:
    for text in (f"a{letter}b", f"{letter}a", f"a{letter}"):
        with pytest.raises(Invalid) as refused:
            clean_line("name", text, 63)
        assert named in refused.value.fields["name"][0]
        assert not is_one_line(text)


@pytest.mark.parametrize("text", ["👩‍🚀🇨🇳", "❤️‍🔥", "می‌خواهم", "क्‍ष", "名字", "עברית", "日本 語", "a b"])
def test_scripts_and_emoji_that_need_joiners_are_kept(text: str) -> None:
    assert clean_line("name", text, 63) == unicodedata.normalize("NFC", text)


@pytest.mark.django_db
def test_one_name_is_found_in_either_form_by_api_filters_and_pages(alice: User, tenant_a: Tenant) -> None:
    region = factories.make_region()
    sent = {"name": DECOMPOSED, "cidr": "10.0.0.0/16", "region": region.name, "description": DECOMPOSED}
    api, browser = factories.api_client(alice), factories.page_client(alice)
    assert api.post("/api/v1/vpcs", sent, format="json").status_code == 202
    vpc = Vpc.objects.get()
    assert (vpc.name, vpc.description) == (NAME, NAME)
    for text in (NAME, DECOMPOSED, DECOMPOSED[:4]):
        for query in ({"q": text}, {"name": text}):
            assert [row["name"] for row in api.get("/api/v1/vpcs", query).json()["results"]] == [NAME]
            assert NAME in browser.get("/vpcs/", query).content.decode()
        assert NAME in browser.get("/search/", {"q": text}).content.decode()


@pytest.mark.django_db
def test_a_name_as_long_as_its_column_may_be_typed_in_either_form(alice: User) -> None:
    long = unicodedata.normalize("NFD", "é" * 63)
    region = factories.make_region()
    body = {"name": long, "cidr": "10.0.0.0/16", "region": region.name}
    assert factories.api_client(alice).post("/api/v1/vpcs", body, format="json").status_code == 202
    project = alice.tenant.projects.get(is_default=True)  # type: ignore[union-attr]
    form = {**body, "project": str(project.uid)}
    assert factories.page_client(alice).post("/vpcs/create/", form).status_code == 302
    assert {*Vpc.objects.values_list("name", flat=True)} == {"é" * 63}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v1/vpcs", "/api/v1/projects", "/api/v1/api-keys"])
def test_an_invisible_character_in_a_name_is_refused_at_its_field(alice: User, path: str) -> None:
    region = factories.make_region()
    body = {"name": "a\u200bb", "cidr": "10.0.0.0/16", "region": region.name, "scope": "read"}
    fields = {"vpcs": {"name", "cidr", "region"}, "projects": {"name"}, "api-keys": {"name", "scope"}}
    body = {key: value for key, value in body.items() if key in fields[path.rsplit("/", 1)[1]]}
    answer = factories.session_client(alice).post(path, body, format="json")
    assert answer.status_code == 422, answer.content
    assert answer.json()["errors"][0]["field"] == "name"
    assert "U+200B" in answer.json()["errors"][0]["message"]
