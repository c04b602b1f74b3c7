"""SE-4: where a page leads on to is of this site and can stand in a header, whatever the request said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apps.accounts.models import User
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("SE-4")]

ROOT = Path(__file__).resolve().parents[2]
ODD = [
    "/vms/\r\nX-Evil: 1",
    "/vms/\nX-Evil: 1",
    "/vms/\u00e9\u2603\x85\u2028x",
    "/vms/\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "/\\evil.example",
    "//evil.example/",
    "/\t/evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
]
FORMS: list[tuple[str, str, dict[str, str]]] = [
    ("/lists/settings/", "next", {"list": "portal.vm", "do": "reset"}),
    ("/lists/views/", "path", {"list": "portal.vm", "name": "mine"}),
    ("/account/confirm/", "next", {"password": factories.PASSWORD}),
]


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize(("path", "field", "form"), FORMS, ids=[form[0] for form in FORMS])
@pytest.mark.parametrize("onward", ODD)
def test_what_a_form_says_leads_to_a_page_of_this_site(
    alice: User, path: str, field: str, form: dict[str, str], onward: str, htmx: bool
) -> None:
    headers: Any = {"HX-Request": "true"} if htmx else {}
    answer = factories.page_client(alice).post(path, {**form, field: onward}, headers=headers)
    assert answer.status_code == (204 if htmx else 302)
    led = answer["HX-Redirect" if htmx else "Location"]
    assert led.startswith("/") and not led.startswith("//")
    assert led.isascii() and led.isprintable() and "\\" not in led and "X-Evil" not in answer.headers


def test_pages_lead_on_by_one_function() -> None:
    """It encodes the address: a header of htmx's own set elsewhere would not be."""
    setting = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "apps").rglob("*.py"))
        if any(name in path.read_text() for name in ("HX-Redirect", "HX-Location", "HX-Push-Url"))
    ]
    assert setting == ["apps/portal/page.py"]
    assert (ROOT / "apps/portal/page.py").read_text().count("HX-Redirect") == 1
