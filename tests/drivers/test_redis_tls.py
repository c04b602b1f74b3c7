"""A server that a public authority vouches for does not pass for Redis."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from kombu import Connection

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docker"))

from onebox.ports import accepts
from onebox.shell import wait_until
from pki.plan import Pki

from apps.drivers.redis_tls import believe_no_public_authority
from tests.platform_fixtures import free_port


@pytest.fixture
def impostor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A Redis whose certificate is of an authority that the system believes."""
    public = Pki(tmp_path / "public")
    public.ensure_control(["127.0.0.1"], ["127.0.0.1"])
    services, port = tmp_path / "public/services", free_port()
    monkeypatch.setenv("SSL_CERT_FILE", str(services / "ca.pem"))
    options = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no", "--save", ""]
    options += ["--tls-cert-file", str(services / "redis.pem"), "--tls-key-file", str(services / "redis.key")]
    options += ["--tls-ca-cert-file", str(services / "ca.pem"), "--bind", "127.0.0.1", "--dir", str(tmp_path)]
    process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: accepts(port), "the impostor to listen", seconds=80)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def by_redis(url: str) -> None:
    redis.Redis.from_url(url, retry=None).ping()


def by_celery(url: str) -> None:
    with Connection(url, transport_options={"max_retries": 0}) as link:
        link.ensure_connection(max_retries=1, timeout=5)
        link.default_channel.client.ping()


@pytest.mark.requirement("SE-7")
@pytest.mark.parametrize("connect", [by_redis, by_celery])
def test_only_the_authority_of_the_url_is_believed(
    impostor: int, tmp_path: Path, connect: Callable[[str], None]
) -> None:
    own = Pki(tmp_path / "own")
    own.ensure_control(["127.0.0.1"], ["127.0.0.1"])
    believe_no_public_authority()
    url = f"rediss://127.0.0.1:{impostor}/0?ssl_cert_reqs=required&ssl_ca_certs="
    connect(f"{url}{tmp_path}/public/services/ca.pem")
    with pytest.raises(Exception, match="certificate verify failed"):
        connect(f"{url}{tmp_path}/own/services/ca.pem")
