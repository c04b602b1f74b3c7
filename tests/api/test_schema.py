"""The OpenAPI document."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command

from apps.accounts.models import User
from tests import factories, openapi


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("schema") / "openapi.yaml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(path))
    return openapi.parsed(path.read_text())


@pytest.mark.requirement("AC-4")
def test_the_committed_document_is_what_the_code_says(schema: dict[str, Any]) -> None:
    assert schema == openapi.committed(), "The API changed: make openapi"


@pytest.mark.requirement("AC-4")
def test_every_change_documents_its_refusals_and_every_post_its_idempotency_key(
    schema: dict[str, Any],
) -> None:
    assert schema["openapi"].startswith("3.1")
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            # Collecting a secret once is the exception: it is kept nowhere to be told again.
            if method == "post" and {"201", "202"} & set(operation["responses"]):
                assert any(p["name"] == "Idempotency-Key" for p in operation["parameters"]), path
            assert operation["summary"], path


def test_the_documentation_page_names_every_path(alice: User, schema: dict[str, Any]) -> None:
    page = factories.page_client(alice).get("/api/v1/docs").content.decode()
    assert [path for path in schema["paths"] if path not in page] == []
