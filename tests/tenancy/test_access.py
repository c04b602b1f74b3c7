"""Who sees and may do what: roles in projects, owners, admins, strangers."""

from __future__ import annotations

import pytest

from apps.tenancy.access import visible_projects
from apps.tenancy.models import Project, User
from tests import factories
from tests.factories import actor_for_user, make_project


@pytest.mark.requirement("AC-5")
def test_a_member_sees_only_projects_with_a_grant(alice: User, vera: User, project_a: Project) -> None:
    make_project(project_a.tenant, "secret")
    assert [p.name for p in visible_projects(actor_for_user(vera))] == ["default"]
    assert [p.name for p in visible_projects(actor_for_user(alice))] == ["default", "secret"]


def test_every_factory_makes_a_row_the_database_takes(db: None) -> None:
    region = factories.make_region()
    host = factories.make_host(factories.make_cluster(region))
    assert host.region == factories.make_storage(region).region
