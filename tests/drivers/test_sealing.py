"""Sealed messages."""

import pytest
from cryptography.fernet import Fernet

from apps.drivers.errors import DriverError
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


@pytest.mark.requirement("UX-12")
def test_a_refused_message_has_one_whole_sentence_for_each_reason(seal: Seal) -> None:
    closed = seal.close("answer", STATUS)
    attempts = (
        lambda: Seal(Fernet.generate_key()).open("answer", closed, VmStatus),
        lambda: seal.open("order", closed, VmStatus),
        lambda: seal.open("answer", closed, list),
    )
    templates = []
    for attempt in attempts:
        with pytest.raises(DriverError) as refusal:
            attempt()
        templates.append(refusal.value.template)
    assert templates == [
        "Cannot decrypt a message between control plane and host: it was sealed with another key.",
        "Unexpected message between control plane and host: expected %(purpose)s.",
        "Invalid message between control plane and host: %(error)s",
    ]
