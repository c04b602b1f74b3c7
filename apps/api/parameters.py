"""Parameters that many operations take: idempotency keys, conditions, dry runs."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from apps.api import preconditions
from apps.api.dry_run import PARAMETER
from apps.api.idempotency import MAX_LENGTH

KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "maxLength": MAX_LENGTH, "pattern": "^[ -~]*$"},
    OpenApiParameter.HEADER,
    description="Any text of at most 255 characters. A repeated request within 24 hours returns the first "
    "response and is not run again.",
)
_TAGS = {"type": "string", "maxLength": preconditions.LONGEST, "pattern": preconditions.PATTERN}
UNLESS_KNOWN = OpenApiParameter(
    preconditions.IF_NONE_MATCH,
    _TAGS,
    OpenApiParameter.HEADER,
    description="ETags that the caller has: 304 without a body when one of them is still right.",
)
UNLESS_CHANGED = OpenApiParameter(
    preconditions.IF_MATCH,
    _TAGS,
    OpenApiParameter.HEADER,
    description="ETags of the resource as the caller has seen it: 412 with the ETag of now when it has changed since.",
)
UNCHANGED = OpenApiResponse(description="The caller has it already; see `If-None-Match`.")
DRY_RUN = OpenApiParameter(
    PARAMETER,
    OpenApiTypes.STR,
    OpenApiParameter.QUERY,
    enum=["0", "1", "false", "true"],
    description="1: change nothing and return 200 with the expected result and all errors. The Idempotency-Key "
    "is ignored.",
)
