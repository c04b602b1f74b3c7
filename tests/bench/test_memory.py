"""What the control plane takes of the machine's memory when nothing happens."""

from __future__ import annotations

import pytest

from tests.bench.processes import control_plane, resident_mib
from tests.bench.report import Figure, report
from tests.real_site import RealSite

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

PROCESSES = ("web", "worker", "beat", "console")


def test_resident_memory_when_idle(real_site: RealSite) -> None:
    """After a tenant was made and its pages were opened once, so that all code in use is loaded."""
    customer = real_site.tenant("memory")
    for path in ("/vms", "/vpcs", "/subnets", "/security-groups", "/images", "/operations"):
        customer.api.get(path)
    used = resident_mib(control_plane(real_site.platform, PROCESSES))
    report(
        "memory",
        [
            *(Figure(name, mib, "MiB") for name, mib in used.items()),
            Figure("control plane", sum(used.values()), "MiB", 600),
        ],
    )
