"""A host as a client of Ceph: where keys are, what tools are given, and what their words mean. No cluster is needed."""

import stat
from pathlib import Path

import pytest

from apps.drivers.rbd.client import RbdClient, failed, is_missing, secret_id, uri
from apps.drivers.specs import PoolKey, PoolSpec
from apps.drivers.tools import Finished
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import new_id

POOL = PoolSpec("7", "rbd", "volumes", ("192.0.2.9:3300", "192.0.2.10:3300"), "scloud")
KEY = PoolKey("7", "scloud", "c2VjcmV0")


@pytest.mark.requirement("SE-4")
def test_keys_are_readable_by_root_only_and_in_no_other_file(tmp_path: Path) -> None:
    client = RbdClient(tmp_path / "ceph")
    for _ in range(2):
        client.keep_key(KEY)
    with client.configured(POOL) as configuration:
        assert "192.0.2.9:3300,192.0.2.10:3300" in configuration.read_text()
        holders = [path for path in client.directory.iterdir() if KEY.key in path.read_text()]
        modes = {stat.S_IMODE(path.stat().st_mode) for path in client.directory.iterdir()}
        assert KEY.key not in uri(POOL, "volume", configuration)
    assert (len(holders), modes) == (1, {0o600})
    assert stat.S_IMODE(client.directory.stat().st_mode) == 0o700
    assert list(client.directory.iterdir()) == holders
    for _ in range(2):
        client.forget_key("7")
    assert list(client.directory.iterdir()) == []


@pytest.mark.requirement("OP-4")
def test_without_the_key_nothing_is_tried(tmp_path: Path) -> None:
    with refused("volumes.key_missing"):
        RbdClient(tmp_path).need_answer(POOL)


@pytest.mark.requirement("SE-5")
def test_what_a_name_means_to_qemu_is_escaped() -> None:
    pool = PoolSpec("7", "rbd", "a:b@c/d=e", (), "user")
    assert uri(pool, "image@base", Path("/x")) == r"rbd:a\:b\@c\/d\=e/image@base:id=user:conf=\/x"


def test_a_pool_that_has_an_uuid_keeps_it() -> None:
    id = new_id()
    assert secret_id(id) == id
    assert secret_id("7") == secret_id("7") != secret_id("8")


@pytest.mark.requirement("OP-4")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("rados_connect: (110) Connection timed out", "volumes.ceph_unreachable"),
        ("rbd: couldn't connect to the cluster!\n(13) Permission denied", "volumes.ceph_refused"),
        ("rbd: error opening pool 'x': (2) No such file or directory", "volumes.pool_missing"),
        ("qemu-img: error: No space left on device", "volumes.pool_full"),
        ("qemu-img: something else", "volumes.failed"),
    ],
)
def test_what_tools_say_becomes_a_cause(words: str, code: str) -> None:
    done = Finished(1, "", words)
    assert failed(done, POOL).code == code
    assert not is_missing(done)


def test_an_image_that_is_not_there_is_told_from_a_pool_that_is_not() -> None:
    assert is_missing(Finished(2, "", "rbd: error opening image x: (2) No such file or directory"))
