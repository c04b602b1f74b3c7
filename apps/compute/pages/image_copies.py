"""The tab with the storage clusters that have an image, and how far copies are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.compute.models import Image, ImageCopy
from apps.lifecycle.state_labels import StateLabel
from apps.lifecycle.stored_messages import rendered_message
from apps.portal.detail import DetailPage
from apps.portal.kinds import Offer

GIB = 1 << 30
_TONES = {
    ImageCopy.State.COPYING: "busy",
    ImageCopy.State.READY: "ok",
    ImageCopy.State.ERROR: "error",
    ImageCopy.State.DELETING: "busy",
}


@dataclass(frozen=True)
class CopyLine:
    """A copy as shown; an action that is not possible is ""."""

    row: ImageCopy
    label: StateLabel
    size: str
    error: str
    copy_url: str
    delete_url: str


def image_copies(page: DetailPage, image: Image) -> dict[str, Any]:
    """Return where the image is stored, and what can be done."""
    offers = {
        offer.do.verb.action: offer
        for offer in page.of.offers(page.rights, image, page.area, only=("copy", "delete_copy"))
    }
    return {
        "take": offers.get("copy"),
        "size": _size(image.stored_bytes),
        "lines": [_line(copy, offers) for copy in image.shown_copies],
    }


def _line(copy: ImageCopy, offers: dict[str, Offer]) -> CopyLine:
    state = ImageCopy.State(copy.state)
    at_rest = state in (ImageCopy.State.READY, ImageCopy.State.ERROR)
    return CopyLine(
        copy,
        StateLabel(state.label, _TONES[state], percent=copy.progress),
        _size(copy.stored_bytes) if state is ImageCopy.State.READY else "",
        rendered_message(copy.error, "message") if copy.error else "",
        _url(offers.get("copy"), copy) if state is ImageCopy.State.ERROR else "",
        _url(offers.get("delete_copy"), copy) if at_rest else "",
    )


def _url(offer: Offer | None, copy: ImageCopy) -> str:
    return f"{offer.url}?cluster={copy.cluster_id}" if offer and offer.judged.allowed else ""


def _size(stored_bytes: int) -> str:
    return f"{stored_bytes / GIB:,.1f} GiB"
