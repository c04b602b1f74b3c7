"""What is wrong with a rule stands below its row, is linked from above, and is found while one types."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from apps.accounts.models import Project, User
from apps.infrastructure.models import Region
from apps.lifecycle.models import Operation
from tests.factories import page_client
from tests.network.factories import make_group
from tests.network.test_pages import SSH, rows

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-13")]

RIGHT = ("in", "tcp", "22", "192.0.2.0/24", "accept", "medium", "")
WRONG = ("in", "tcp", "99999", "192.0.2.0/24", "accept", "medium", "")


@pytest.fixture
def page(alice: User) -> Client:
    return page_client(alice)


def test_a_check_of_the_rules_answers_row_by_row_and_changes_nothing(
    page: Client, project_a: Project, region: Region
) -> None:
    group = make_group(project_a, region, SSH)
    before = list(group.rules.values_list("pk", flat=True))
    count = Operation.objects.count()
    answer = page.post(f"/security-groups/{group.pk}/rules/edit/?check=1", rows(RIGHT, WRONG))
    first, second = answer.content.decode().split("<div data-rule-checks>")[1:]
    assert "field-error" not in first
    assert 'data-for="port"' in second and "Port: " in second
    assert list(group.rules.values_list("pk", flat=True)) == before
    assert Operation.objects.count() == count


def test_all_wrong_fields_of_a_row_are_named_at_once(
    page: Client, project_a: Project, region: Region
) -> None:
    group = make_group(project_a, region, SSH)
    wrong = ("in", "tcp", "90-80", "10.0.0.300", "accept", "medium", "")
    html = page.post(f"/security-groups/{group.pk}/rules/edit/?check=1", rows(wrong)).content.decode()
    assert 'data-for="port"' in html and 'data-for="address"' in html


def test_the_preview_of_a_new_group_checks_its_rules_too(page: Client) -> None:
    answer = page.post("/security-groups/create/?preview=1", rows(WRONG, name="web", touched="name"))
    assert '<div data-rule-checks><div class="field-error" data-for="port">' in answer.content.decode()


@pytest.mark.parametrize("new", [True, False])
def test_a_refused_rule_has_its_error_below_the_row_and_a_link_to_its_field(
    page: Client, project_a: Project, region: Region, new: bool
) -> None:
    group = make_group(project_a, region, SSH)
    path = "/security-groups/create/" if new else f"/security-groups/{group.pk}/rules/edit/"
    answer = page.post(path, rows(RIGHT, WRONG, name="web", region="north", generation="1"))
    html = answer.content.decode()
    assert answer.status_code == 422
    assert '<a href="#rule-1-port" data-goto="rule-1-port">' in html
    field = re.search(r'<input[^>]*id="rule-1-port"[^>]*>', html)
    assert field is not None
    assert 'aria-invalid="true"' in field.group() and 'aria-describedby="rule-1-errors"' in field.group()
    assert re.search(
        r'class="rule-errors" id="rule-1-errors"><div class="field-error" data-for="port">', html
    )
    assert html.count('id="rule-1-port"') == 1
