"""Sealed messages."""

import pytest
from cryptography.fernet import Fernet

from apps.drivers.sealing import Seal
from apps.drivers.specs import VmStatus
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import new_id

STATUS = VmStatus(new_id(), exists=False)


@pytest.fixture
def seal() -> Seal:
    return Seal(Fernet.generate_key())


def test_what_was_closed_is_opened(seal: Seal) -> None:
    assert seal.open("answer", seal.close("answer", STATUS), VmStatus) == STATUS


@pytest.mark.requirement("SE-6")
def test_another_key_another_purpose_and_another_kind_open_nothing(seal: Seal) -> None:
    closed = seal.close("answer", STATUS)
    for attempt in (
        lambda: Seal(Fernet.generate_key()).open("answer", closed, VmStatus),
        lambda: seal.open("order", closed, VmStatus),
        lambda: seal.open("answer", closed, list),
        lambda: seal.open("answer", closed[:-4] + b"AAA=", VmStatus),
        lambda: seal.open("answer", "nonsense", VmStatus),
    ):
        with refused("host.broken_seal"):
            attempt()
