"""What a call for new VMs asks for, looked up and checked. The create and its dry run share it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.labels import clean_labels
from apps.accounts.models import Project
from apps.accounts.references import chosen_project
from apps.compute.models import Image, InstanceType
from apps.compute.services import first_boot, references
from apps.compute.services.new_disks import NewDisk, new_data_disks
from apps.compute.services.new_eips import EipChoice, eip_choice, with_delivery
from apps.compute.services.user_data import UserDataEncoding, read_user_data, sets_hostname
from apps.compute.verbs import VM_CREATE
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.need import Need
from apps.infrastructure.regions import ensure_one_region
from apps.lifecycle.actor import Actor
from apps.lifecycle.dry_run import ErrorCollector
from apps.lifecycle.errors import Invalid, Refused
from apps.lifecycle.requests import Allowed
from apps.lifecycle.verbs import Verb
from apps.network.models import SecurityGroup, Subnet
from apps.network.services.overlaps import overlap_of

MOST_AT_ONCE = 10
LONGEST_NAME = 63


class DefaultGroup(Enum):
    """Stands for the group a VM gets when its call names none."""

    DEFAULT = "default"


DEFAULT_GROUP = DefaultGroup.DEFAULT


@dataclass
class Draft:
    """What was found of what was requested: None where nothing was named, or what was named is refused."""

    allowed: Allowed | None = None
    project: Project | None = None
    type: InstanceType | None = None
    image: Image | None = None
    #: Where the system disk is created.
    cluster: StorageCluster | None = None
    subnet: Subnet | None = None
    group: SecurityGroup | None = None
    external_group: SecurityGroup | None = None
    eips: EipChoice | None = None
    disk_gib: int = 0
    ssh_keys: list[str] | None = None
    user_data: str | None = None
    data_disks: list[NewDisk] | None = None
    count: int = 1

    @property
    def need(self) -> Need | None:
        """The room one of the VMs takes."""
        return Need(self.type.vcpu, self.type.memory_gib * 1024) if self.type else None


@dataclass(frozen=True)
class Plan:
    """What was requested, all of it there and checked."""

    allowed: Allowed
    project: Project
    type: InstanceType
    image: Image
    cluster: StorageCluster
    subnet: Subnet
    group: SecurityGroup | None
    external_group: SecurityGroup | None
    eips: EipChoice
    disk_gib: int
    ssh_keys: list[str]
    names: list[str]
    hostnames: list[str]
    description: str
    sealed_hash: str
    sealed_user_data: str
    data_disks: list[NewDisk]

    @property
    def need(self) -> Need:
        """The room one of the VMs takes."""
        return Need(self.type.vcpu, self.type.memory_gib * 1024)


@dataclass(frozen=True)
class VmRequest:
    """A call for VMs as it came in. What is None has not been chosen; a dry run looks at the rest.

    security_group: None means no group, so that nothing is filtered; that has to be said. The external NIC's is the
    same unless another was chosen. new_eip: its `segment` and `mbit`. eip_delivery: how either reaches the VM.
    """

    name: str | None = None
    instance_type: int | None = None
    image: UUID | None = None
    subnet: UUID | None = None
    security_group: UUID | DefaultGroup | None = DEFAULT_GROUP
    external_security_group: UUID | DefaultGroup | None = DEFAULT_GROUP
    eip: UUID | None = None
    new_eip: Mapping[str, Any] | None = None
    eip_delivery: str | None = None
    project: UUID | None = None
    disk_gib: int | None = None
    disk_cluster: int | None = None
    password: str = ""
    key_pairs: Sequence[UUID] = ()
    hostname: str = ""
    user_data: str = ""
    user_data_encoding: str = UserDataEncoding.PLAIN
    description: str = ""
    data_disks: Sequence[Mapping[str, Any]] = ()
    count: int = 1


def look_up(actor: Actor, asked: VmRequest, refusals: ErrorCollector, verb: Verb | None = VM_CREATE) -> Draft:
    """Find and check everything that needs no lock; what is wrong goes to `refusals`, all of it at once.

    verb: what is judged there; None where the caller has judged what it does.
    """
    draft = Draft(count=asked.count if 1 <= asked.count <= MOST_AT_ONCE else 1)
    into = draft.project = refusals.attempt(chosen_project, actor, asked.project)
    if into is None:
        return draft
    place: dict[str, Any] = {"project": into, "tenant_id": into.tenant_id}
    draft.allowed = refusals.attempt(allow, actor, verb, **place) if verb else None
    if refusals.forbidden:
        return draft
    if asked.instance_type is not None:
        draft.type = refusals.attempt(references.instance_type, into, asked.instance_type)
    if asked.image is not None:
        draft.image = refusals.attempt(references.image, actor, into, asked.image)
    if draft.image is not None:
        draft.cluster = refusals.attempt(references.system_cluster, into, draft.image, asked.disk_cluster)
    if asked.subnet is not None:
        draft.subnet = refusals.attempt(references.subnet, actor, into, asked.subnet)
    draft.group = refusals.attempt(_group, actor, into, asked.security_group, draft.type)
    draft.external_group = draft.group
    if not isinstance(asked.external_security_group, DefaultGroup):
        draft.external_group = refusals.attempt(_external_group, actor, into, asked.external_security_group)
    draft.eips = refusals.attempt(eip_choice, actor, into, asked.eip, asked.new_eip, draft.count)
    if draft.eips is not None:
        draft.eips = refusals.attempt(
            with_delivery, draft.eips, asked.eip_delivery or "", draft.image, draft.subnet
        )
    draft.ssh_keys = refusals.attempt(references.public_keys, actor, into, asked.key_pairs)
    draft.data_disks = refusals.attempt(new_data_disks, actor, into, asked.data_disks, draft.type)
    family = draft.image.os_family if draft.image else None
    draft.user_data = refusals.attempt(read_user_data, asked.user_data, asked.user_data_encoding, family)
    if draft.image is not None:
        draft.disk_gib = asked.disk_gib or _default_disk(draft.image, draft.cluster or draft.image.cluster)
    refusals.attempt(_check, asked, draft)
    _check_fit(draft, refusals)
    return draft


def _group(
    actor: Actor, project: Project, asked: UUID | DefaultGroup | None, kind: InstanceType | None
) -> SecurityGroup | None:
    if not isinstance(asked, DefaultGroup):
        return references.security_group(actor, project, asked)
    return references.default_group(actor, project, kind.cluster.region) if kind else None


def _external_group(actor: Actor, project: Project, asked: UUID | None) -> SecurityGroup | None:
    return references.security_group(actor, project, asked, field="external_security_group")


def complete(asked: VmRequest, draft: Draft, refusals: ErrorCollector) -> Plan:
    """Return the plan of a draft nothing is missing from. Raises what has been refused."""
    refusals.raise_any()
    assert (
        draft.allowed
        and draft.project
        and draft.type
        and draft.image
        and draft.cluster
        and draft.subnet
        and asked.name is not None
    )
    name, description = clean_labels(asked.name, asked.description)
    if asked.hostname:
        hostnames = numbered(asked.hostname, asked.count)
    else:
        hostnames = first_boot.hostnames_of(name, draft.image.os_family, asked.count)
    return Plan(
        allowed=draft.allowed,
        project=draft.project,
        type=draft.type,
        image=draft.image,
        cluster=draft.cluster,
        subnet=draft.subnet,
        group=draft.group,
        external_group=draft.external_group,
        eips=draft.eips or EipChoice(),
        disk_gib=draft.disk_gib,
        ssh_keys=draft.ssh_keys or [],
        names=numbered(name, asked.count),
        hostnames=hostnames,
        description=description,
        sealed_hash=first_boot.sealed_hash(asked.password),
        sealed_user_data=first_boot.sealed_user_data(draft.user_data or ""),
        data_disks=draft.data_disks or [],
    )


def _default_disk(image: Image, cluster: StorageCluster) -> int:
    """Return what the image suggests, within what it needs and what the storage cluster takes by now."""
    return max(min(image.default_disk_gib, cluster.max_disk_gib), image.min_disk_gib)


def numbered(name: str, count: int) -> list[str]:
    """Return the names of `count` VMs: the name itself, or with -1, -2 … behind it."""
    return [name] if count == 1 else [f"{name}-{number}" for number in range(1, count + 1)]


def _check(asked: VmRequest, draft: Draft) -> None:
    """Raise Invalid with everything that is wrong with what was typed."""
    wrong: dict[str, list[str]] = {}
    if not 1 <= asked.count <= MOST_AT_ONCE:
        wrong["count"] = [_("1 to %(most)s at a time.") % {"most": MOST_AT_ONCE}]
    if asked.name is not None:
        wrong |= _label_errors(asked.name, asked.description, draft.count)
    if asked.password:
        wrong["password"] = first_boot.password_errors(asked.password)
    image, cluster = draft.image, draft.cluster
    if image and cluster and not image.min_disk_gib <= draft.disk_gib <= cluster.max_disk_gib:
        wrong["disk_gib"] = [
            _("%(least)s to %(most)s GiB for this image.")
            % {"least": image.min_disk_gib, "most": cluster.max_disk_gib}
        ]
    if image is not None and asked.hostname:
        last = numbered(asked.hostname, draft.count)[-1]
        wrong["hostname"] = first_boot.hostname_errors(last, image.os_family)
    if asked.hostname and sets_hostname(draft.user_data or ""):
        # The guest would take that of user data.
        wrong["hostname"] = [_("User data also sets a hostname. Set the hostname in one place only.")]
    if image is not None:
        wrong |= first_boot.unread_errors(image, [name for name in first_boot.FIELDS if getattr(asked, name)])
    wrong = {field: messages for field, messages in wrong.items() if messages}
    if wrong:
        raise Invalid(wrong)


def _label_errors(name: str, description: str, count: int) -> dict[str, list[str]]:
    try:
        name, _description = clean_labels(name, description)
    except Invalid as error:
        return error.fields
    if len(numbered(name, count)[-1]) > LONGEST_NAME:
        return {"name": [_("At most %(n)s characters, including the numbers.") % {"n": LONGEST_NAME}]}
    return {}


def _check_fit(draft: Draft, refusals: ErrorCollector) -> None:
    """One region (RG-2), and an image that the cluster's CPUs can run."""
    if draft.type is None:
        return
    cluster = draft.type.cluster
    eips = draft.eips or EipChoice()
    for field, chosen in (
        ("image", draft.image),
        ("subnet", draft.subnet),
        ("security_group", draft.group),
        ("external_security_group", draft.external_group),
        ("eip", eips.eip),
        ("new_eip.segment", eips.segment),
    ):
        if chosen is not None and not (field == "external_security_group" and chosen == draft.group):
            refusals.attempt(ensure_one_region, cluster, chosen, field=field)
    if draft.cluster is not None and draft.image is not None and draft.cluster.pk != draft.image.cluster_id:
        refusals.attempt(ensure_one_region, cluster, draft.cluster, field="disk_cluster")
    if draft.image is not None:
        refusals.attempt(_ensure_cpus, draft.type, draft.image)
    if draft.subnet is not None and (segment := eips.used_segment) is not None:
        overlap = overlap_of([draft.subnet.vpc_id], [segment], eips.field)
        refusals.found += [overlap] if overlap is not None else []


def _ensure_cpus(kind: InstanceType, image: Image) -> None:
    if image.architecture != kind.cluster.architecture:
        raise Refused(
            _("Image %(image)s needs %(arch)s CPUs, but cluster %(cluster)s has %(has)s CPUs.")
            % {
                "image": image.name,
                "arch": image.get_architecture_display(),
                "cluster": kind.cluster,
                "has": kind.cluster.get_architecture_display(),
            },
            code="image.architecture",
            field="image",
            hint=_("Choose an image for the cluster’s CPUs, or an instance type of another cluster."),
        )
