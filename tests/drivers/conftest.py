"""Backends that driver tests run against."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drivers.redis_server import running_redis
from tests.onebox_fixtures import Onebox


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Redis of our own."""
    with running_redis(tmp_path_factory.mktemp("redis")) as port:
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    """The import directory of the pool in `tmp_path / "pool"`."""
    folder = tmp_path / "pool" / "import"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="session")
def northbound(onebox: Onebox) -> str:
    """Address of the northbound database of the test instance."""
    return onebox.ovn_northbound
