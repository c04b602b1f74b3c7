"""Which operations a member sees and may cancel."""

from __future__ import annotations

import pytest
from django.utils import timezone

from apps.accounts.models import Project, User
from apps.accounts.operation_access import cancel_operation, visible_operations
from apps.lifecycle.errors import Forbidden, NotNow
from apps.lifecycle.models import Operation, OperationStatus, Resource, State
from tests.factories import actor_for_user, make_project

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-1")]


def _queued(project: Project, name: str, verb: str = "vm.start", asked_by: User | None = None) -> Operation:
    vm = Resource.objects.create(
        kind="vm", name=name, tenant=project.tenant, project=project, state=State.READY
    )
    return Operation.objects.create(
        verb=verb,
        resource=vm,
        target_id=vm.pk,
        target_kind="vm",
        target_name=name,
        tenant=project.tenant,
        actor=asked_by,
        deadline=timezone.now(),
    )


def test_a_member_sees_its_own_and_those_of_its_projects(
    alice: User, vera: User, bob: User, ada: User, project_a: Project
) -> None:
    here = _queued(project_a, "here")
    hidden = _queued(make_project(project_a.tenant, "secret"), "hidden", asked_by=alice)
    own = _queued(make_project(project_a.tenant, "left"), "own", asked_by=vera)
    Resource.objects.filter(pk=own.target_id).delete()

    def seen(user: User) -> set[Operation]:
        return set(visible_operations(actor_for_user(user)))

    assert seen(vera) == {here, own}
    assert seen(alice) == seen(ada) == {here, hidden, own}
    assert seen(bob) == set()


def test_whoever_may_ask_for_it_may_cancel_it(vera: User, otto: User, mia: User, project_a: Project) -> None:
    start, delete = _queued(project_a, "one"), _queued(project_a, "two", verb="vm.delete")
    for user, operation in ((vera, start), (otto, delete)):
        with pytest.raises(Forbidden):
            cancel_operation(actor_for_user(user), operation)
    assert cancel_operation(actor_for_user(otto), start).status == OperationStatus.CANCELLED
    assert cancel_operation(actor_for_user(mia), delete).status == OperationStatus.CANCELLED


def test_what_has_begun_is_asked_to_stop_once(alice: User, project_a: Project) -> None:
    operation = _queued(project_a, "one")
    Operation.objects.update(status=OperationStatus.RUNNING, attempt=1)
    operation.refresh_from_db()
    assert cancel_operation(actor_for_user(alice), operation).status == OperationStatus.RUNNING
    operation.refresh_from_db()
    with pytest.raises(NotNow, match="Cancellation was requested"):
        cancel_operation(actor_for_user(alice), operation)
