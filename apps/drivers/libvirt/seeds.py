"""Bringing the seeds of VMs on this host up to what is wanted."""

from dataclasses import replace
from typing import Any

from apps.drivers.libvirt import domains, seed
from apps.drivers.libvirt.metadata import VmMetadata
from apps.drivers.libvirt.settings import HostSettings
from apps.drivers.specs import SeedSpec


def bring(settings: HostSettings, vm_id: str, wanted: SeedSpec, known: VmMetadata) -> VmMetadata:
    """Bring the seed to what is wanted and return what is to stand of it in the definition."""
    path, digest = settings.seed_path(vm_id), seed.digest(vm_id, wanted)
    if not path.exists() or (known.seed != digest and wanted.is_secret):
        seed.write(path, seed.image(vm_id, wanted))
    elif known.seed != digest:
        seed.overwrite(path, seed.image(vm_id, wanted))
    return replace(known, seed=digest, secret=wanted.is_secret)


def bring_domain(settings: HostSettings, vm_id: str, domain: Any, wanted: SeedSpec) -> None:
    """Bring the seed of a defined VM to what is wanted, and note it in the definition."""
    known = domains.about(domain)
    if (found := bring(settings, vm_id, wanted, known)) != known:
        domains.set_about(domain, found)
