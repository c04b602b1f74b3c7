"""Stand-in until the edge's fabric kinds are there: the pretend fabric only."""

from __future__ import annotations

from typing import Any

from apps.drivers.fabric.declared import FabricKind, InMemory, InOvn, declare
from apps.drivers.memory.records import Table
from apps.drivers.specs import EdgeSpec, ExternalPortSpec, ProviderNetworkSpec, TranslatedAddressSpec


def _none(*values: Any) -> None:
    raise NotImplementedError


for _name, _spec in (
    ("edge", EdgeSpec),
    ("provider_network", ProviderNetworkSpec),
    ("external_port", ExternalPortSpec),
    ("translated_address", TranslatedAddressSpec),
):
    declare(FabricKind(_name, _spec, InMemory(Table(f"{_name}s", _spec)), InOvn("", _none, _none, {})))
