"""One object of every kind, all of tenant A, and a client for each role."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.keys import issue_key
from apps.accounts.models import (
    ApiKey,
    Project,
    Role,
    Session,
    Tenant,
    User,
)
from apps.accounts.recent_proof import PROVED_AT
from apps.accounts.selectors import visible_resource_roles
from apps.accounts.sessions import SessionStore
from apps.audit.models import AuditEntry
from apps.balancing.models import Decision, Outcome, Rebalancing
from apps.balancing.verbs import REBALANCE
from apps.compute.models import Image, InstanceType, Power, Vm
from apps.compute.services.instance_type import create_default_types
from apps.compute.services.vm import create_vms
from apps.compute.verbs import VM_RESTART
from apps.console.services import open_console
from apps.infrastructure.models import ComputeCluster, Region, StorageCluster
from apps.lifecycle.actor import Actor
from apps.lifecycle.batches import open_batch
from apps.lifecycle.models import Operation, OperationStatus, Resource, State
from apps.network.models import Subnet, Vpc
from apps.network.services.default_network import create_default_network
from apps.platform_settings.models import PlatformSetting
from apps.portal.actions import name_to_type
from apps.portal.models import SavedView
from apps.reconciliation.models import Finding, FindingState
from apps.tenancy.services.projects import create_project
from apps.uploads import spool
from apps.uploads.exports import token_for
from apps.uploads.models import Export, Upload
from tests import factories
from tests.factories import actor_for_user
from tests.kinds import CASES
from tests.security.words import IMAGE_SOURCE, MARK


@dataclass
class World:
    """keys: what stands in paths, by the path's first part; names: of those that want theirs typed."""

    tenant: Tenant
    project: Project
    region: Region
    cluster: ComputeCluster
    storage: StorageCluster
    image: Image
    instance_type: InstanceType
    subnet: Subnet
    vpc: Vpc
    nina: User
    users: dict[str, User | None]
    #: Set once the rest is there.
    vm: Vm = field(init=False)
    keys: dict[str, object] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    #: A write key of each person, and keys by (whose, "<scope> key").
    tokens: dict[str, str] = field(default_factory=dict)
    scoped: dict[tuple[str, str], str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    #: What was accepted when it was made, once somebody has looked.
    accepted: dict[str, object] = field(default_factory=dict)
    # One of each for all requests: a new one would load all middleware again.
    _browser: Client = field(default_factory=Client)
    _careful_browser: Client = field(default_factory=lambda: Client(enforce_csrf_checks=True))
    _program: APIClient = field(default_factory=APIClient)

    @property
    def owner(self) -> Actor:
        """The owner of tenant A."""
        return actor_for_user(_present(self.users["alice"]))

    def browser(self, role: str) -> Client:
        """Return a browser in which the role is logged in."""
        return self._logged_in(role, self._browser)

    def careful_browser(self, role: str) -> Client:
        """Return one whose requests are checked for their tokens, as real ones are."""
        return self._logged_in(role, self._careful_browser)

    def program(self, role: str, of: str = "alice") -> APIClient:
        """Return a client of the API: in the session of a person, or with a key ("read key") `of` a person."""
        self._program.credentials()
        self._program.cookies.clear()
        if role in self.cookies:
            self._program.cookies["sessionid"] = self.cookies[role]
        elif (of, role) in self.scoped:
            self._program.credentials(HTTP_AUTHORIZATION=f"Bearer {self.scoped[of, role]}")
        return self._program

    def _logged_in(self, role: str, browser: Client) -> Client:
        browser.cookies.clear()
        if role in self.cookies:
            browser.cookies["sessionid"] = self.cookies[role]
        return browser


def make_world() -> World:
    """Make it, in the present transaction."""
    region = factories.make_region("harbour")
    cluster = factories.make_cluster(region)
    storage = factories.make_storage(region)
    create_default_types(cluster)
    tenant = factories.make_tenant(f"{MARK} tenant")
    project = create_project(actor_for_user(factories.make_admin("root")), tenant, f"{MARK} project")
    users = _users(tenant, project)
    alice = users["alice"]
    assert alice is not None
    owner = actor_for_user(alice)
    create_default_network(owner, project)
    subnet, vpc = Subnet.objects.get(project=project), Vpc.objects.get(project=project)
    world = World(
        tenant,
        project,
        region,
        cluster,
        storage,
        image=_image(storage, "Tiny"),
        instance_type=InstanceType.objects.filter(cluster=cluster).order_by("vcpu")[0],
        subnet=subnet,
        vpc=vpc,
        nina=factories.make_member(tenant, Role.VIEWER, f"{MARK}-nina", project=project),
        users=users,
    )
    host = factories.make_host(cluster)
    world.tokens = {role: issue_key(user, "key", "write", None)[1] for role, user in users.items() if user}
    world.cookies = {
        role: factories.page_client(user).cookies["sessionid"].value for role, user in users.items() if user
    }
    world.scoped = {
        (name, f"{scope} key"): issue_key(_present(users[name]), f"{scope} key", scope, None)[1]
        for name in ("alice", "ada")
        for scope in ApiKey.Scope.values
    }
    world.cookies["acting"] = (
        factories.acting_client(_present(users["ada"]), tenant).cookies["sessionid"].value
    )
    for key in world.cookies.values():
        _keep_proof(key)
    _all_settled()
    _fill(world, host)
    return world


def _keep_proof(session_key: str) -> None:
    """Have the session's proof hold for as long as a module takes on a slow machine."""
    session = SessionStore(session_key)
    session[PROVED_AT] = time.time() + 4 * 3600
    session.save()


def _present(user: User | None) -> User:
    assert user is not None
    return user


def _users(tenant: Tenant, project: Project) -> dict[str, User | None]:
    stranger = factories.make_tenant("bolt")
    return {
        "nobody": None,
        "bob": factories.make_owner(stranger, "bob"),
        "vera": factories.make_member(tenant, Role.VIEWER, f"{MARK}-vera", project=project),
        "otto": factories.make_member(tenant, Role.OPERATOR, f"{MARK}-otto", project=project),
        "mia": factories.make_member(tenant, Role.MANAGER, f"{MARK}-mia", project=project),
        "alice": factories.make_owner(tenant, f"{MARK}-alice"),
        "ada": factories.make_admin("ada"),
    }


def _image(storage: StorageCluster, name: str, **columns: Any) -> Image:
    return Image.objects.create(
        kind="image", name=name, region=storage.region, cluster=storage, state=State.READY, **columns
    )


def _all_settled() -> None:
    Operation.objects.update(status=OperationStatus.DONE)
    Resource.objects.update(state=State.READY)


def _fill(world: World, host: Any) -> None:
    alice, otto = world.users["alice"], world.users["otto"]
    assert alice is not None and otto is not None
    vm = world.vm = _vm(world, f"{MARK} vm")
    of_kinds = {case.plural: case.key(world) for case in CASES}
    Resource.objects.filter(project=world.project).exclude(name__contains=MARK).update(name=f"{MARK} thing")
    _all_settled()
    Vm.objects.filter(pk=vm.pk).update(power=Power.ON, power_seen=Power.ON)
    ticket = open_console(
        Actor(user=otto, tenant=otto.tenant), vm, kind="browser", session_key=world.cookies["otto"]
    )
    Operation.objects.filter(resource=vm).update(status=OperationStatus.DONE)
    pending = _vm(world, f"{MARK} second vm")
    factories.page_client(world.nina)
    for kind in ("totp", "webauthn"):
        Authenticator.objects.create(user=world.nina, type=kind, data={"name": MARK})
        Authenticator.objects.create(user=User.objects.get(username="root"), type=kind, data={"name": MARK})
    world.keys = of_kinds | {
        "instance-types": world.instance_type.pk,
        "uploads": (upload := _upload(world)).pk,
        "tus": upload.pk,
        "downloads": _download_link(world),
        "console-tickets": ticket.pk,
        "regions": world.region.name,
        "compute-clusters": world.cluster.pk,
        "storage-clusters": world.storage.pk,
        "hosts": host.pk,
        "findings": _finding(vm).pk,
        "in-trouble": _in_trouble(f"{MARK} third vm", world).pk,
        "operations": Operation.objects.get(resource=pending.pk).pk,
        "balancing-decisions": _decision(world).pk,
        "rebalancings": _rebalancing(world, vm).pk,
        "bulk": open_batch(actor_for_user(otto), "vm", VM_RESTART, [(str(vm.pk), vm.name)], {})[0].pk,
        "audit": AuditEntry.objects.filter(target_id=vm.pk).order_by("pk")[0].pk,
        "tenants": world.tenant.uid,
        "projects": world.project.uid,
        "members": world.nina.uid,
        "resource-roles": factories.grant_resource(world.nina, Role.VIEWER, pending),
        "api-keys": issue_key(world.nina, f"{MARK} nina's key", "read", None)[0].uid,
        "account/sessions": Session.objects.get(user=world.nina).uid,
        "account/security": Authenticator.objects.get(user=world.nina, type="webauthn").pk,
        "account/linked": "corp",
        "sessions": Session.objects.get(user=world.nina).uid,
        "factors": Authenticator.objects.get(user=world.nina, type="webauthn").pk,
        "saved-views": SavedView.objects.create(
            user=world.nina, tenant=world.tenant, list_key="portal.vm", name=MARK
        ).pk,
        "resources": vm.pk,
        "login/with": "corp",
        "help": "networks",
        "administrators": User.objects.get(username="root").uid,
    }
    named = Resource.objects.filter(pk__in=[key for key in world.keys.values() if isinstance(key, UUID)])
    names = dict(named.values_list("pk", "name"))
    world.names = {
        segment: names[key] for segment, key in world.keys.items() if isinstance(key, UUID) and key in names
    } | {
        "projects": world.project.name,
        "members": world.nina.username,
        "administrators": "root",
        "api-keys": f"{MARK} nina's key",
        "compute-clusters": world.cluster.name,
        "storage-clusters": world.storage.name,
        "instance-types": world.instance_type.name,
        "regions": world.region.name,
        "tenants": world.tenant.name,
        "findings": f"{MARK} finding",
        "resource-roles": name_to_type(
            visible_resource_roles(world.owner).get(uid=world.keys["resource-roles"])
        ),
    }


def _upload(world: World) -> Upload:
    PlatformSetting.objects.create(name="image_sources", value=IMAGE_SOURCE, changed_by="test")
    return Upload.objects.create(tenant=world.tenant, project=world.project, name=MARK, size=9, received=4)


def _download_link(world: World) -> str:
    """Return ada's link to a file of an image; the file, always the same one, stands in the spool."""
    content, ada = MARK.encode(), world.users["ada"]
    assert ada is not None
    export = Export.objects.create(
        id=UUID(int=0xE),
        resource=world.image,
        name=f"{MARK}.qcow2",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        expires_at=timezone.now() + timedelta(days=1),
    )
    spool.write(export.pk, 0, content)
    return token_for(actor_for_user(ada), export)


def _decision(world: World) -> Decision:
    now = timezone.now()
    values = {"host": "h", "measure": "cpu", "percent": 95, "threshold": 85, "minutes": 10, "hosts": 1}
    return Decision.objects.create(
        cluster=world.cluster, outcome=Outcome.HELD, values=values, at=now, last_at=now
    )


def _rebalancing(world: World, vm: Vm) -> Rebalancing:
    actor = actor_for_user(_present(world.users["ada"]))
    batch, _is_new = open_batch(actor, "vm", REBALANCE, [(str(vm.pk), vm.name)], {})
    move = {"from": str(vm.host_id), "from_name": "a", "to": str(vm.host_id), "to_name": "b"}
    return Rebalancing.objects.create(
        cluster=world.cluster, batch=batch, moves={str(vm.pk): move}, created_at=timezone.now()
    )


def _finding(vm: Vm) -> Finding:
    return Finding.objects.create(
        rule="unsynced",
        aspect="power",
        kind="vm",
        target_id=vm.pk,
        name=f"{MARK} finding",
        resource=vm,
        host=vm.host,
        tenant=vm.tenant,
        kept={"text": f"{MARK} differs"},
        state=FindingState.OPEN,
    )


def _in_trouble(name: str, world: World) -> Vm:
    vm = _vm(world, name)
    Operation.objects.filter(resource=vm).update(status=OperationStatus.FAILED)
    Resource.objects.filter(pk=vm.pk).update(state=State.ERROR, error={"code": "x.y", "message": MARK})
    return vm


def _vm(world: World, name: str) -> Vm:
    alice = world.users["alice"]
    assert alice is not None
    (operation,) = create_vms(
        actor_for_user(alice),
        name=name,
        instance_type=world.instance_type.pk,
        image=world.image.pk,
        subnet=world.subnet.pk,
        security_group=None,
        project=world.project.uid,
    )
    return Vm.objects.get(pk=operation.target_id)
