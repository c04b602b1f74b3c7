"""The list of pages where images are published: text only, configured as data."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from apps.accounts.models import User
from apps.compute.image_catalogue import catalogue
from tests import factories

pytestmark = pytest.mark.requirement("IM-1")


def test_it_names_the_default_images() -> None:
    names = " ".join(entry.name for entry in catalogue())
    for name in ("CentOS 6.5", "CentOS 7.4", "2008 R2", "2012 R2", "Ubuntu 14.04", "Ubuntu 16.04"):
        assert name in names


@pytest.mark.django_db
def test_an_administrator_sees_the_links_and_is_led_to_a_filled_in_import(ada: User) -> None:
    browser = factories.page_client(ada)
    page = browser.get("/admin/images/catalogue/")
    assert page.status_code == 200
    for entry in catalogue():
        assert f'href="{entry.url}"' in page.content.decode()
    link = "/admin/images/create/?name=Debian+12&amp;os_family=linux&amp;os_name=Debian+12"
    assert link in page.content.decode()
    form = browser.get(link.replace("&amp;", "&")).content.decode()
    assert 'value="Debian 12"' in form


def test_another_list_may_be_given_and_a_wrong_one_says_what_is_wrong(
    settings: object, tmp_path: Path
) -> None:
    def given(name: str, text: str) -> None:
        path = tmp_path / f"{name}.toml"
        path.write_text(text)
        settings.IMAGE_CATALOGUE = str(path)  # type: ignore[attr-defined]

    given("good", '[[image]]\nname = "Ours"\nos_family = "linux"\nurl = "https://mirror.example/"\n')
    assert [entry.name for entry in catalogue()] == ["Ours"]
    given("scheme", '[[image]]\nname = "Bad"\nos_family = "linux"\nurl = "javascript:alert(1)"\n')
    with pytest.raises(ImproperlyConfigured, match="Bad: not an https address"):
        catalogue()
    given("family", '[[image]]\nname = "Bad"\nos_family = "plan9"\nurl = "https://mirror.example/"\n')
    with pytest.raises(ImproperlyConfigured, match="os_family"):
        catalogue()
