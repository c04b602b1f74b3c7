"""The settings page: sections one can jump to, help beside the fields, errors while one types."""

from __future__ import annotations

import re

import pytest

from apps.accounts.models import User
from apps.platform_settings.models import PlatformSetting
from tests.factories import page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-13")]

PAGE = "/admin/settings/"


def test_every_section_has_a_link_and_save_stays_in_view(ada: User) -> None:
    html = page_client(ada).get(PAGE).content.decode()
    sections = re.findall(r'<section[^>]* id="(settings-\d+)"', html)
    assert len(sections) > 3
    assert re.findall(r'<a href="#(settings-\d+)">', html) == sections
    assert 'class="form-actions form-sticky"' in html


def test_a_wrong_value_is_marked_while_it_is_typed_and_nothing_is_saved(ada: User) -> None:
    client = page_client(ada)
    sent = {"password_length": "3", "acting_minutes": "nine", "touched": "password_length"}
    answer = client.post(f"{PAGE}?check=1", sent, headers={"HX-Request": "true"})
    html = answer.content.decode()
    assert answer.status_code == 200
    assert 'id="id_password_length_error"' in html
    assert 'id="id_acting_minutes_error"' not in html, "nobody has typed there yet"
    client.post(f"{PAGE}?check=1", {"password_length": "20", "touched": "password_length"})
    assert not PlatformSetting.objects.exists()


def test_errors_above_the_form_lead_to_their_fields(ada: User) -> None:
    html = page_client(ada).post(PAGE, {"password_length": "3"}).content.decode()
    assert '<a href="#id_password_length" data-goto="password_length">' in html
    field = re.search(r'<input[^>]*id="id_password_length"[^>]*>', html)
    assert field is not None
    assert 'aria-invalid="true"' in field.group()
    described = re.search(r'aria-describedby="([^"]*)"', field.group())
    assert described is not None
    assert all(f'id="{each}"' in html for each in described.group(1).split())
