"""What a guest agent is given and what is kept of it: the script, and the network as text."""

from functools import lru_cache
from pathlib import Path

import msgspec

from apps.drivers.specs import GuestNetwork

SCRIPT = Path(__file__).with_name("guest-network.sh").read_text()


def keep(network: GuestNetwork) -> str:
    """Return the text to be kept."""
    return msgspec.json.encode(network).decode()


@lru_cache(maxsize=4096)
def kept(text: str) -> GuestNetwork | None:
    """Return what was kept, None for nothing or for what is none."""
    try:
        return msgspec.json.decode(text, type=GuestNetwork) if text else None
    except msgspec.MsgspecError:
        return None
