"""Every error code of the API, with its status and cause: the source of docs/errors.md and of the documentation page.

`python -m apps.api.error_codes` prints docs/errors.md. A test compares the codes with those that the code raises.
"""

from __future__ import annotations

import sys

from apps.api.operation_error_codes import OPERATION_CODES

#: Codes of a problem: status and cause. Those of operations may come with a problem as well.
REQUEST_CODES: dict[str, tuple[int, str]] = {
    "access.ended": (403, "The access of the caller ended while the request was running."),
    "acting.ended": (
        403,
        "The administrator no longer acts as the tenant: the time is over, or the tenant was deleted.",
    ),
    "address.taken": (409, "The address is in use, in quarantine or in conflict."),
    "authentication_failed": (401, "The API key is unknown, or has expired."),
    "bad_request": (400, "The request is not valid HTTP, or names another host."),
    "console.already_issued": (409, "The credentials of the console ticket were collected already."),
    "console.expired": (409, "The console ticket has expired."),
    "console.failed": (409, "The console could not be opened."),
    "console.native_off": (409, "VNC clients are not allowed on this platform."),
    "console.not_ready": (409, "The console is being opened."),
    "csrf": (403, "A session sent no valid CSRF token."),
    "default_network.exists": (409, "The project has a default network already."),
    "disk.too_many_snapshots": (409, "The disk has as many snapshots as it can have."),
    "eip.too_many": (409, "The resource has as many EIPs of this IP version as it can have."),
    "forbidden": (403, "The role or API key of the caller does not allow this."),
    "idempotency.mismatch": (422, "The Idempotency-Key was used with a different request."),
    "image.architecture": (409, "The image has another CPU architecture than the cluster."),
    "image.os_family": (409, "The image has another OS family than the VM that is to be reinstalled."),
    "invalid": (
        422,
        "A field or parameter is not valid (400 for its shape, 422 for its value); `errors` names it.",
    ),
    "key.not_in_person": (403, "No API key may do this, only a person who is logged in."),
    "login.not_recent": (403, "The log-in is too old for this. Confirm the identity in the portal."),
    "login.throttled": (429, "Too many failed attempts. `Retry-After` says how long to wait."),
    "method_not_allowed": (405, "The path does not have this method."),
    "not_acceptable": (406, "`Accept` names no media type that the API answers with."),
    "not_authenticated": (401, "The request has no API key and no session."),
    "not_found": (404, "The resource does not exist, or the caller may not see it."),
    "oidc.refused": (403, "The OpenID Connect provider, or the platform, refused the log-in."),
    "operation.busy": (409, "Another operation is running on the resource."),
    "parse_error": (400, "The body is not valid JSON."),
    "password.must_change": (403, "The user must choose a password first."),
    "permission_denied": (403, "The role or API key of the caller does not allow this."),
    "placement.no_host": (409, "No host has room for the VM."),
    "platform.bug": (500, "The platform made an error. Give `request_id` to the administrator."),
    "platform.unavailable": (
        503,
        "The database or the message broker is unavailable. Retry after `Retry-After`.",
    ),
    "precondition.failed": (412, "The resource changed since it was read; `ETag` is that of now."),
    "quota.exceeded": (409, "The request exceeds a quota; `details` has the numbers."),
    "rate.limited": (429, "The API key made too many requests. `Retry-After` says how long to wait."),
    "refused": (409, "The resource does not allow this now."),
    "region.mismatch": (409, "The resources are in different regions."),
    "region.not_ready": (409, "The region lacks what it needs to be opened; `details.checks` names it."),
    "removed_meanwhile": (409, "Something that the request refers to was deleted while it was running."),
    "resource.in_use": (409, "Other resources use the resource; `details` lists them."),
    "security_group.changed": (409, "The rules changed since they were read."),
    "segment.full": (409, "The external segment has no free address."),
    "state.not_allowed": (409, "The state of the resource does not allow the action."),
    "storage.closed": (409, "The storage cluster is closed to new disks."),
    "storage.no_capacity": (409, "The storage cluster has too little space left; `details` has the numbers."),
    "storage.not_connected": (409, "The storage cluster has not been connected yet."),
    "subnet.full": (409, "The subnet has no free address."),
    "tenant.not_acting": (403, "An administrator must act as the tenant first."),
    "throttled": (429, "Too many requests. `Retry-After` says how long to wait."),
    "too_complex": (400, "The body has too many values, or is nested too deeply."),
    "too_large": (413, "The request body is too large."),
    "unsupported_media_type": (415, "The body is not application/json."),
    "host.cannot_be_emptied": (409, "The cluster cannot take the VMs of the host."),
    "balancing.plan_changed": (409, "The cluster has changed since the rebalancing was planned."),
    "vm.cannot_move_there": (409, "The chosen host cannot take the VM."),
    "upload.checksum_mismatch": (460, "The data of an upload does not match `Upload-Checksum`."),
    "download.expired": (410, "The download link has expired. Create a new one."),
    "download.range": (416, "The file has no byte of the requested range."),
    "download.too_many": (429, "Too many downloads are running; `Retry-After` says when to retry."),
    "upload.locked": (409, "Another request is sending data to the upload."),
    "upload.no_space": (409, "The platform has no space left for the upload."),
    "upload.offset_mismatch": (409, "The data does not begin where the upload ends."),
    "upload.version": (412, "The client speaks another version of tus than 1.0.0."),
    "vm.too_many_disks": (409, "The VM has as many data disks as it can have."),
    "vm.no_head_room": (409, "The running VM cannot grow so far. A resize and a restart apply the size."),
    "vm.no_online_downgrade": (
        409,
        "A running VM cannot get smaller. A resize and a restart apply the size.",
    ),
    "vm_template.too_many_versions": (409, "The VM template has as many versions as it can have."),
    "vm.too_many_elastic_nics": (409, "The VM has as many elastic NICs as it can have."),
    "wait.too_many": (429, "Too many requests of the API key wait for operations."),
}
#: Of logins in a browser: no endpoint answers with these.
NOT_OF_THE_API = ("oidc.",)


def page_of(code: str) -> str:
    """Return where a code is documented, as the `type` of a problem (RFC 9457: a URI reference)."""
    return f"/api/v1/docs#{code}"


def markdown() -> str:
    """Return docs/errors.md."""
    lines = [
        "# Error codes",
        "",
        "Made from `apps/api/error_codes.py` by `make openapi`. An error is `application/problem+json` (RFC 9457).",
        "`code` is stable and for programs, `title` is the cause, `hint` the next step; `errors` names the fields, and",
        "`type` links to the code on the documentation page.",
        "",
        "## Requests",
        "| code | status | cause |",
        "| --- | --- | --- |",
        *(f"| `{code}` | {status} | {cause} |" for code, (status, cause) in sorted(REQUEST_CODES.items())),
        "",
        "## Operations",
        "In `error.code` of an operation and of its resource. `hint` there says what to do.",
        "",
        "| code | cause |",
        "| --- | --- |",
        *(f"| `{code}` | {cause} |" for code, cause in sorted(OPERATION_CODES.items())),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(markdown())
