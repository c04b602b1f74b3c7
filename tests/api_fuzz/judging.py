"""What every answer of the API must be like, whatever was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping

from schemathesis import Case, Response
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api_fuzz.sending import Seen

AS_DOCUMENTED: list[CheckFunction] = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
PROBLEM = "application/problem+json"


def judge(case: Case, response: Response, seen: Seen) -> None:
    """Fail unless the answer is as documented, a refusal says what people need, and it left nothing."""
    headers = {name.lower(): values[0] for name, values in response.headers.items()}
    judge_answer(response.status_code, headers, response.content, seen)
    case.validate_response(response, checks=AS_DOCUMENTED)


def judge_answer(status: int, headers: Mapping[str, str], content: bytes, seen: Seen) -> None:
    """Fail for a bug, for a refusal that says too little, and for one that changed something."""
    if seen.errors:
        raise AssertionError(f"a bug: {status} {content[:300]!r}") from seen.errors[0]
    assert status < 500, (status, content[:500])
    if status < 400:
        return
    assert not seen.left(), f"refused with {status}, yet this is left: {seen.left()}"
    assert headers["content-type"] == PROBLEM, (status, headers["content-type"])
    problem = json.loads(content)
    assert problem["status"] == status
    assert problem["request_id"] == headers["x-request-id"]
    for part in ("code", "title", "hint"):
        assert problem[part], f"no {part}: {problem}"
    if problem["code"] == "invalid":
        assert problem["errors"], problem
        for error in problem["errors"]:
            assert error["message"], problem
