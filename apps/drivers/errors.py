"""The one error a driver raises."""

from __future__ import annotations

from collections.abc import Mapping


class DriverError(Exception):
    """A backend refused or failed.

    `permanent` errors are never retried (bad image, missing tool, name taken by something that is not ours);
    all others are retried with back-off until the operation's deadline.
    `code` is a stable dotted word for programs ("hypervisor.unreachable"), `hint` says what a person can do next.
    `template` and `values` make up the message, so that it can be read in any language later.
    """

    def __init__(
        self,
        template: str,
        *,
        code: str = "driver.failed",
        permanent: bool = False,
        hint: str = "",
        values: Mapping[str, object] | None = None,
    ) -> None:
        # Drivers travel in messages and JSON: what is no number is text from here on.
        self.values = {
            name: v if isinstance(v, int | float) else str(v) for name, v in (values or {}).items()
        }
        self.template = str(template)
        self.message = self.template % self.values if self.values else self.template
        super().__init__(self.message)
        self.code = code
        self.permanent = permanent
        self.hint = str(hint)


def mark(text: str) -> str:
    """Return the text as it is; imported as `_`, it marks messages for the catalogues, which drivers do not load."""
    return text
