"""Messages between the control plane and a host: typed, encrypted and authenticated with the host's own key.

The broker carries them and can neither read nor forge one; nor can another host, which has another key. The purpose is
part of what is sealed, so that an answer cannot be passed off as an order.
"""

from typing import TypeVar

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _

T = TypeVar("T")
_encoder = msgspec.msgpack.Encoder()


class Seal:
    """One host's key (as `Fernet.generate_key` makes it)."""

    def __init__(self, key: str | bytes) -> None:
        self._fernet = Fernet(key)

    def close(self, purpose: str, message: object) -> bytes:
        """Return the message as printable ASCII that only a holder of the key can read."""
        return self._fernet.encrypt(purpose.encode() + b"\0" + _encoder.encode(message))

    def open(self, purpose: str, sealed: bytes | str, kind: type[T]) -> T:
        """Return what `close` was given; raise a permanent `DriverError` for anything else."""
        try:
            found, _nul, raw = self._fernet.decrypt(sealed).partition(b"\0")
            if found == purpose.encode():
                return msgspec.msgpack.decode(raw, type=kind)
        except InvalidToken as error:
            raise _broken(
                _("Cannot decrypt a message between control plane and host: it was sealed with another key.")
            ) from error
        except msgspec.MsgspecError as error:
            raise _broken(
                _("Invalid message between control plane and host: %(error)s"), error=error
            ) from error
        raise _broken(
            _("Unexpected message between control plane and host: expected %(purpose)s."), purpose=purpose
        )


def _broken(message: str, **values: object) -> DriverError:
    return DriverError(
        message,
        values=values,
        code="host.broken_seal",
        permanent=True,
        hint=_("Update the host’s agent, or enrol the host again."),
    )
