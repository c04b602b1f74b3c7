"""SE-5: bodies that are no JSON, headers that mean nothing, methods and paths that are not there: a clear 4xx each."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.api_fuzz.judging import judge_answer
from tests.api_fuzz.raw import Answer, send
from tests.api_fuzz.sending import watched
from tests.security.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("SE-5")]

JSON = "application/json"
VMS = "/api/v1/vms"
PROJECT = b'{"name": "new"}'
LEVELS = 100_000
SIXTEEN = json.dumps({"name": "new"}).encode("utf-16")


Ask = Callable[..., Answer]


@pytest.fixture
def ask(world: World, before: dict[str, object]) -> Ask:
    """Send something as somebody, and judge the answer."""

    def send_and_judge(role: str, method: str, path: str, **sent: Any) -> Answer:
        headers: dict[str, str | bytes] = {"content-type": JSON}
        if role in world.tokens:
            headers["authorization"] = f"Bearer {world.tokens[role]}"
        headers |= sent.pop("headers", {})
        with watched(before) as seen:
            answer = send(method, path, headers=headers, **sent)
            judge_answer(*answer, seen)
        return answer

    return send_and_judge


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (400, b"", {}),
        (400, b"{", {}),
        (400, b"not json", {}),
        (400, b"\x00", {}),
        (400, b"\xff\xfe\xfa", {}),
        (400, b'{"name": "new"', {}),
        (400, b'{"name": "new"} {}', {}),
        (400, b'{"name": "one", "name": "two"}', {}),
        (400, b'{"name": NaN}', {}),
        (400, b'{"name": Infinity}', {}),
        (400, b'{"name": ' + b"9" * 5_000 + b"}", {}),
        (400, b"[" * LEVELS + b"]" * LEVELS, {}),
        (400, b'{"a":' * 40_000 + b"1" + b"}" * 40_000, {}),
        (400, SIXTEEN, {"content-type": f"{JSON}; charset=utf-16"}),
        (400, gzip.compress(PROJECT, mtime=0), {"content-encoding": "gzip"}),
        (400, b"null", {}),
        (400, b"[]", {}),
        (400, b'"name"', {}),
        (400, b"5", {}),
        (400, b'{"name": "\\ud800"}', {}),
        (400, b'{"name": "a\\u0000b"}', {}),
        (415, PROJECT, {"content-type": "text/plain"}),
        (415, PROJECT, {"content-type": "application/x-www-form-urlencoded"}),
        (415, PROJECT, {"content-type": "multipart/form-data; boundary=x"}),
        (415, PROJECT, {"content-type": "application/xml"}),
        (415, PROJECT, {"content-type": "\x00"}),
        (415, PROJECT, {"content-type": ";;;=/"}),
        (413, b'{"name": "' + b"x" * 10_000_000 + b'"}', {}),
        (413, b" " * 10_000_000 + PROJECT, {}),
        (400, PROJECT, {"content-length": "banana"}),
    ],
    ids=lambda value: repr(value[:30]) if isinstance(value, bytes) else None,
)
def test_a_body_that_is_no_request_is_refused(
    ask: Ask, status: int, body: bytes, headers: dict[str, str]
) -> None:
    answer = ask("alice", "POST", "/api/v1/projects", body=body, headers=headers)
    assert answer[0] == status, answer


@pytest.mark.parametrize("path", ["/api/v1/vms/bulk", "/api/v1/me", "/api/v1/vms?dry_run=1"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"5", b'"x"', b"[" * LEVELS])
def test_so_it_is_at_the_other_kinds_of_endpoints(ask: Ask, path: str, body: bytes) -> None:
    path, _, query = path.partition("?")
    method = "PATCH" if path.endswith("/me") else "POST"
    status = ask("alice", method, path, body=body, query=query.encode())[0]
    # An account is changed in person only, whatever a key sends.
    wanted = {200, 400} if query else {400, 403} if method == "PATCH" else {400}
    assert status in wanted


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (401, {"authorization": ""}),
        (401, {"authorization": "Bearer"}),
        (401, {"authorization": "Bearer "}),
        (401, {"authorization": "Bearer sk_"}),
        (401, {"authorization": "Bearer sk_\x00"}),
        (401, {"authorization": b"Bearer \xff\xfe\xc3"}),
        (401, {"authorization": "Bearer " + "a" * 60_000}),
        (401, {"authorization": "Basic YWxpY2U6eA=="}),
        (401, {"authorization": "Bearer a b c"}),
        (401, {"authorization": "", "cookie": "sessionid=" + "x" * 20_000}),
        (401, {"authorization": "", "cookie": b"sessionid=\x00\xff; ;;=; a"}),
        (
            401,
            {"authorization": "", "cookie": 'sessionid="\\000aaaaaaaa"; csrftoken="\\000"; language="\\000"'},
        ),
        (406, {"accept": "text/html"}),
        (406, {"accept": "application/xml;q=0.9"}),
        (406, {"accept": ";;;"}),
        (406, {"accept": "application/" + "a" * 20_000}),
        (200, {"accept": "*/*;q=banana"}),
        (200, {"accept-language": "\x00,;q=,zz-" + "x" * 20_000}),
        (200, {"accept-language": "zh-hans;q=1e400, de"}),
        (200, {"x-request-id": "a" * 20_000}),
        (200, {"x-request-id": "\x00\x00\x00\x00\x00\x00\x00\x00"}),
        (200, {"x-forwarded-for": "a,,,\x00, fe80::1%eth0"}),
        (200, {"range": "bytes=-1"}),
        (200, {"if-none-match": "\x00", "if-modified-since": "yesterday"}),
        (400, {"host": "evil.example"}),
        (400, {"host": "\x00"}),
        (400, {"host": ""}),
    ],
    ids=lambda value: repr(value)[:60] if isinstance(value, dict) else None,
)
def test_headers_that_mean_nothing_are_no_bug(ask: Ask, status: int, headers: dict[str, str | bytes]) -> None:
    answer = ask("alice", "GET", VMS, headers=headers)
    assert answer[0] == status, answer


@pytest.mark.parametrize("key", ["k" * 256, "k" * 10_000, "\x00", "a\x7fb"])
def test_an_idempotency_key_that_is_none_is_refused_at_its_name(ask: Ask, key: str | bytes) -> None:
    for path, body in (
        ("/api/v1/projects", PROJECT),
        ("/api/v1/vms/bulk", b'{"action": "start", "ids": ["x"]}'),
    ):
        answer = ask("alice", "POST", path, body=body, headers={"idempotency-key": key})
        assert answer[0] == 422, answer
        assert json.loads(answer[2])["errors"][0]["field"] == "Idempotency-Key"


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "CONNECT", "FOO", "PUT", "DELETE", "get", ""])
def test_a_method_that_no_endpoint_has_is_405(ask: Ask, method: str) -> None:
    for path in (VMS, "/api/v1/me", f"{VMS}/bulk"):
        if (method, path) == ("get", path):
            continue
        assert ask("alice", method, path)[0] == 405, (method, path)


@pytest.mark.parametrize("role", ["nobody", "alice", "ada"])
@pytest.mark.parametrize("method", ["OPTIONS", "HEAD"])
def test_options_and_head_are_no_bug(world: World, before: dict[str, object], role: str, method: str) -> None:
    for path in (VMS, f"{VMS}/{world.keys['vms']}", "/api/v1/me", f"{VMS}/bulk", "/api/v1/vpc-ranges"):
        with watched(before) as seen:
            headers = {"authorization": f"Bearer {world.tokens[role]}"} if role in world.tokens else {}
            status, _headers, _content = send(method, path, headers=dict(headers))
            assert not seen.errors, seen.errors
            assert not seen.left()
            assert status in ({401} if role == "nobody" else {200, 204, 405})


@pytest.mark.parametrize(
    "path",
    [
        f"{VMS}/",
        f"{VMS}//",
        f"{VMS}/%00",
        f"{VMS}/\x00",
        f"{VMS}/../me",
        f"{VMS}/{{00000000-0000-4000-8000-000000000000}}",
        f"{VMS}/00000000-0000-4000-8000-000000000000/",
        f"{VMS}/00000000-0000-4000-8000-000000000000",
        f"{VMS}/00000000-0000-4000-8000-000000000000;x",
        "/api/v1/instance-types/99999999999999999999",
        "/api/v1/instance-types/-1",
        "/api/v1/instance-types/" + "9" * 5_000,
        "/api/v1/audit/9223372036854775808",
        "/api/v1/regions/\x00",
        "/api/v1/regions/" + "x" * 60_000,
        "/api/v1/\ufffd",
        "/api/v2/vms",
        "/api/v1/" + "a/" * 2_000,
    ],
    ids=lambda path: repr(path)[:60],
)
def test_a_path_that_leads_nowhere_is_404(ask: Ask, path: str) -> None:
    assert ask("ada", "GET", path)[0] == 404


def test_a_body_of_no_known_length_is_cut_off_where_it_grows_too_large(ask: Ask) -> None:
    much = b'{"name": "' + b"x" * 10_000_000 + b'"}'
    answer = ask("alice", "POST", "/api/v1/projects", body=much, headers={"content-length": "20"})
    assert answer[0] == 413
