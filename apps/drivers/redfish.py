"""Switching a machine off by its management controller, and seeing that it is off (Redfish, DMTF DSP0266).

Three requests are all it takes, so there is no library below: what counts here is that every answer has a bound and a
deadline, and that nothing but "Off", read twice, is taken for off. What a reset answers proves nothing.
"""

import base64
import http.client
import json
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _

SYSTEMS = "/redfish/v1/Systems"
ANSWER_SECONDS = 4.0
MOST_BYTES = 1 << 20
OFF_WITHIN_SECONDS = 10.0
"""A machine may take some seconds to go off once its controller has said yes."""
LOOK_EVERY_SECONDS = 0.4
OFF = "Off"


@dataclass(frozen=True, slots=True)
class ControllerAccess:
    """Where a controller is and how to log in. `url` may name the system; otherwise it must have only one.

    `authority`: PEM text of the authority its certificate must be of; "" for the system's authorities.
    """

    url: str
    user: str
    password: str
    authority: str = ""


class RedfishController:
    """One machine's management controller. Raises `DriverError` and nothing else."""

    def __init__(self, access: ControllerAccess) -> None:
        self._access = access
        self._parts = urlsplit(access.url)

    def power_state(self) -> str:
        """Return what the controller says of the machine's power: "On", "Off", "PoweringOff" and so on."""
        return self._power(self._system())

    def ensure_off(self) -> None:
        """Switch the machine off at once and return when it is off; raise when that is not certain."""
        path = self._system()
        if self._power(path) != OFF:
            self._reset(path)
        give_up, seen = time.monotonic() + OFF_WITHIN_SECONDS, 0
        while seen < 2:
            power = self._power(path)
            seen = seen + 1 if power == OFF else 0
            if time.monotonic() > give_up:
                raise _still_on(power)
            time.sleep(LOOK_EVERY_SECONDS)

    def _system(self) -> str:
        if self._parts.path.strip("/"):
            return self._parts.path
        found = self._ask("GET", SYSTEMS).get("Members")
        members = found if isinstance(found, list) else []
        paths = [each.get("@odata.id") for each in members if isinstance(each, dict)]
        if len(paths) != 1 or not _is_path(paths[0]):
            raise DriverError(
                _("The management controller has %(count)s systems."),
                values={"count": len(paths)},
                code="controller.ambiguous",
                permanent=True,
                hint=_("Enter the address of the host’s system, such as https://…/redfish/v1/Systems/1."),
            )
        return str(paths[0])

    def _power(self, path: str) -> str:
        power = self._ask("GET", path).get("PowerState")
        if not isinstance(power, str) or len(power) > 32 or not power.isalnum():
            raise _strange()
        return power

    def _reset(self, path: str) -> None:
        actions = self._ask("GET", path).get("Actions")
        reset = actions.get("#ComputerSystem.Reset") if isinstance(actions, dict) else None
        target = reset.get("target") if isinstance(reset, dict) else None
        if not _is_path(target):
            target = f"{path.rstrip('/')}/Actions/ComputerSystem.Reset"
        self._ask("POST", str(target), {"ResetType": "ForceOff"})

    def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        login = base64.b64encode(f"{self._access.user}:{self._access.password}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        link = self._connect()
        try:
            link.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = link.getresponse()
            content = answer.read(MOST_BYTES)
        except ssl.SSLCertVerificationError as error:
            raise DriverError(
                _("The certificate of the management controller is not trusted: %(reason)s."),
                values={"reason": error.verify_message},
                code="controller.untrusted",
                permanent=True,
                hint=_("Enter the certificate authority of the controller."),
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise DriverError(
                _("The management controller does not respond."),
                code="controller.unreachable",
                hint=_("Check the controller’s address and network."),
            ) from error
        finally:
            link.close()
        return _judged(answer.status, content)

    def _connect(self) -> http.client.HTTPSConnection:
        trust = ssl.create_default_context(cadata=self._access.authority or None)
        # Appliances often have certificates without what RFC 5280 wants of authorities.
        trust.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return http.client.HTTPSConnection(
            self._parts.hostname or "", self._parts.port or 443, timeout=ANSWER_SECONDS, context=trust
        )


def _judged(status: int, content: bytes) -> dict[str, Any]:
    if status in (401, 403):
        raise DriverError(
            _("The management controller refuses the login."),
            code="controller.refused",
            permanent=True,
            hint=_("Check the user and the password."),
        )
    if not 200 <= status < 300:
        raise DriverError(
            _("The management controller answered with HTTP status %(status)s."),
            values={"status": status},
            code="controller.failed",
            hint=_("Check the controller’s own log."),
        )
    if not content.strip():
        return {}
    try:
        found = json.loads(content)
    except ValueError as error:
        raise _strange() from error
    return found if isinstance(found, dict) else {}


def _is_path(path: object) -> bool:
    """A path on the same controller: it must not send us, with its password, elsewhere."""
    return (
        isinstance(path, str)
        and path.startswith("/")
        and len(path) < 1024
        and path.isprintable()
        and " " not in path
    )


def _strange() -> DriverError:
    return DriverError(
        _("The management controller’s answer cannot be read."),
        code="controller.strange",
        hint=_("Check that the address is that of a Redfish service."),
    )


def _still_on(power: str) -> DriverError:
    return DriverError(
        _("The host is not off: the management controller says %(power)s."),
        values={"power": power},
        code="controller.still_on",
        hint=_("Switch the host off by hand, then confirm that it is off."),
    )
