"""What VMs, images and instance types add to the apps below."""

from __future__ import annotations

from apps.compute.observation import take_reports, tell_of_reach
from apps.compute.services.instance_type import create_default_types
from apps.compute.usage import vm_samples
from apps.infrastructure import reports, services, usage

reports.listeners.fill(take_reports)
reports.reach_listeners.fill(tell_of_reach)
usage.samplers.fill(vm_samples)
services.furnishings.fill(create_default_types)
