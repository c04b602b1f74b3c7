"""A host as a client of Ceph: the keys it keeps, and running Ceph's tools with them.

A key is in a file that only root can read, never on a command line, where every process of the host could read it.
"""

import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from apps.drivers import tools
from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.pool_errors import ceph_refused, ceph_unreachable, pool_full, pool_missing
from apps.drivers.rbd.answering import KeptConnections
from apps.drivers.specs import PoolKey, PoolSpec
from apps.drivers.tools import GIB, Finished, Limits

NAMES = uuid.UUID("6b1f8a3e-5d1c-4c6f-9b0a-3f1d2c9e7a54")
SHORT = Limits(seconds=60, cpu_seconds=60, memory_bytes=4 * GIB)
"""Address space, of which librbd's threads take much."""
#: For tools; a guest's QEMU waits instead.
CONFIGURATION = """[global]
mon host = {monitors}
keyring = {keyring}
log to stderr = false
err to stderr = true
log file =
client mount timeout = 15
rados mon op timeout = 30
rados osd op timeout = 60
"""
SPECIAL = re.compile(r"([\\:@/=])")
_MEANINGS = (
    (re.compile("timed out|timeout", re.IGNORECASE), ceph_unreachable),
    (re.compile("not permitted|permission denied|access denied", re.IGNORECASE), ceph_refused),
    (re.compile("error opening pool|opening pool", re.IGNORECASE), pool_missing),
    (re.compile("no space left|quota exceeded", re.IGNORECASE), pool_full),
)


def secret_id(pool_id: str) -> str:
    """Return the UUID by which libvirt and the keyring's file know a pool: its own, if it has one."""
    try:
        return str(uuid.UUID(pool_id))
    except ValueError:
        return str(uuid.uuid5(NAMES, pool_id))


@dataclass(frozen=True, slots=True)
class RbdClient:
    """The keys in `directory`, which belongs to the agent."""

    directory: Path
    kept: KeptConnections = field(default_factory=KeptConnections)

    def keep_key(self, key: PoolKey) -> None:
        """Keep the key of a pool, for tools."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._keyring(key.id)
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "w") as written:
            written.write(f"[client.{key.user}]\n\tkey = {key.key}\n")
        fresh.replace(path)

    def forget_key(self, pool_id: str) -> None:
        """Forget the key of a pool; fine when there is none."""
        self._keyring(pool_id).unlink(missing_ok=True)
        self.kept.forget(pool_id)

    def rbd(self, pool: PoolSpec, *arguments: str) -> Finished:
        """Run `rbd` on the pool."""
        return self._run("rbd", pool, "--pool", pool.path, *arguments)

    def need_answer(self, pool: PoolSpec) -> None:
        """Raise `DriverError` for a pool that nothing can be read from.

        A kept connection answers within milliseconds. If it does not, a tool (some 0.1 s) says why, or that only the
        connection was broken.
        """
        if self.kept.answers(pool, self.key(pool)):
            return
        done = self._run("rados", pool, "--pool", pool.path, "stat", "rbd_directory")
        if done.status and not is_missing(done):
            raise failed(done, pool)

    @contextmanager
    def configured(self, pool: PoolSpec) -> Iterator[Path]:
        """Give the path of a configuration file for the pool's cluster."""
        keyring = self._keyring(pool.id)
        if not keyring.exists():
            raise missing_key(pool)
        text = CONFIGURATION.format(monitors=",".join(pool.monitors), keyring=keyring)
        with tempfile.NamedTemporaryFile("w", dir=self.directory, suffix=".conf") as file:
            file.write(text)
            file.flush()
            yield Path(file.name)

    def _run(self, tool: str, pool: PoolSpec, *arguments: str) -> Finished:
        with self.configured(pool) as path:
            return tools.run(tool, "--conf", str(path), "--id", pool.user, *arguments, limits=SHORT)

    def key(self, pool: PoolSpec) -> str:
        """Return the key of a pool. Raises `DriverError` while the host has none."""
        try:
            return self._keyring(pool.id).read_text().partition("key = ")[2].strip()
        except FileNotFoundError:
            raise missing_key(pool) from None

    def _keyring(self, pool_id: str) -> Path:
        return self.directory / f"{secret_id(pool_id)}.keyring"


def uri(pool: PoolSpec, image: str, configuration: Path) -> str:
    """Return the name by which qemu-img finds an RBD image (`image` may end in "@snapshot")."""
    name, at, snapshot = image.partition("@")
    words = (SPECIAL.sub(r"\\\1", word) for word in (pool.path, name, pool.user, str(configuration)))
    place, name, user, conf = words
    return f"rbd:{place}/{name}{at}{snapshot}:id={user}:conf={conf}"


def is_missing(done: Finished) -> bool:
    """Return whether a tool did not find the image or object in a pool that is there."""
    return done.status != 0 and "No such file" in done.errors and "opening pool" not in done.errors


def failed(done: Finished, pool: PoolSpec) -> DriverError:
    """Return the error for a tool that did not do its work."""
    for words, make in _MEANINGS:
        if words.search(done.errors):
            return make(pool)
    return DriverError(
        _("Ceph: %(error)s"),
        values={"error": done.errors.strip()[-500:]},
        code="volumes.failed",
        hint=_("See the Ceph cluster’s logs."),
    )


def missing_key(pool: PoolSpec) -> DriverError:
    """The host has not been given the pool's key (yet)."""
    return DriverError(
        _("The host does not have the key of Ceph pool %(pool)s yet."),
        values={"pool": pool.path},
        code="volumes.key_missing",
        hint=_("The platform gives it to the host within a minute and retries."),
    )
