"""The heartbeat plan of this host, kept in a file: it goes on after a restart while the control plane is away."""

import logging
import os
import threading
from pathlib import Path

import msgspec

from apps.drivers.specs import HeartbeatPlan

log = logging.getLogger(__name__)


class HeartbeatPlans:
    """Safe from all threads."""

    def __init__(self, path: Path, host: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._plan = _read(path) or HeartbeatPlan(id=host)

    @property
    def plan(self) -> HeartbeatPlan:
        """The plan as it is now."""
        with self._lock:
            return self._plan

    def follow(self, plan: HeartbeatPlan) -> None:
        """Take another plan and keep it."""
        with self._lock:
            if plan == self._plan and self._path.exists():
                return
            fresh = self._path.with_suffix(".new")
            file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(file, "wb") as written:
                written.write(msgspec.json.encode(plan))
            fresh.replace(self._path)
            self._plan = plan


def _read(path: Path) -> HeartbeatPlan | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=HeartbeatPlan)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("%s cannot be read: %s", path, error)
        return None
