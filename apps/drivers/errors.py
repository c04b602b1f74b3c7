"""The one error a driver raises."""


class DriverError(Exception):
    """A backend refused or failed.

    `permanent` errors are never retried (bad image, missing tool, name taken by something that is not ours);
    all others are retried with back-off until the operation's deadline.
    `code` is a stable dotted word for programs ("hypervisor.unreachable"), `hint` says what a person can do next.
    """

    def __init__(
        self, message: str, *, code: str = "driver.failed", permanent: bool = False, hint: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.permanent = permanent
        self.hint = hint
