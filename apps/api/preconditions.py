"""`ETag`, `If-None-Match` and `If-Match` (RFC 9110): nothing is sent twice, and no change overwrites another.

The tag is of the representation, as this caller gets it: whatever would be seen to differ makes another tag.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any

from django.http.request import HttpHeaders
from django.utils.http import parse_etags
from django.utils.translation import gettext as _

from apps.lifecycle.errors import Invalid, Refused

IF_MATCH, IF_NONE_MATCH = "If-Match", "If-None-Match"
LONGEST = 4_096
_TAG = r'(W/)?"[!#-+\--~]*"'
#: What a condition looks like: `*`, or tags with commas between them, and none inside.
PATTERN = rf"^(\*|{_TAG}( *, *{_TAG})*)$"


class Changed(Refused):
    """The resource is not any more as the caller has seen it. The answer's `ETag` is that of now."""

    status = 412
    code = "precondition.failed"

    def __init__(self, etag: str) -> None:
        self.etag = etag
        super().__init__(
            _("The resource has changed since you read it."),
            hint=_("Read the resource again, then retry with the new ETag."),
            details={"etag": etag},
        )

    @property
    def headers(self) -> dict[str, str]:
        """Return the tag of the resource as it is now."""
        return {"ETag": self.etag}


def etag_of(body: Mapping[str, Any], secrets: Collection[str] = ()) -> str:
    """Return the strong tag of a representation; what only one answer shows does not count."""
    kept = {**body, **dict.fromkeys(secrets)} if secrets else body
    text = json.dumps(kept, sort_keys=True, default=str)
    return f'"{sha256(text.encode()).hexdigest()[:32]}"'


def is_known(headers: HttpHeaders, etag: str) -> bool:
    """Whether the caller has the representation of this tag already (`If-None-Match`)."""
    known = _tags(headers, IF_NONE_MATCH)
    return "*" in known or etag in {tag.removeprefix("W/") for tag in known}


def ensure_match(headers: HttpHeaders, etag: str) -> None:
    """Raise Changed when the caller's `If-Match` names other tags only."""
    wanted = _tags(headers, IF_MATCH)
    if wanted and "*" not in wanted and etag not in wanted:
        raise Changed(etag)


def ensure_no_condition(headers: HttpHeaders) -> None:
    """Raise Invalid for an `If-Match` that nothing would be compared with: the change must not happen without it."""
    if IF_MATCH in headers:
        raise Invalid(
            {IF_MATCH: [_("This endpoint does not support conditional requests. Omit the condition.")]}
        )


def _tags(headers: HttpHeaders, name: str) -> list[str]:
    if name not in headers:
        return []
    given = headers[name].strip()
    if len(given) > LONGEST or re.fullmatch(PATTERN, given) is None:
        # Whoever asks for a condition must not get the change without it.
        raise Invalid({name: [_("ETags in double quotes, separated by commas, or *.")]})
    return parse_etags(given)
