"""What the control plane and a host's agent say to each other: orders and their answers.

Which orders there are follows from the protocols: see `host_verbs.py`.
"""

import itertools
import math
import re
from dataclasses import dataclass, field

import msgspec

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _

ORDER, ANSWER, REPORT = "order", "answer", "report"
"""Purposes of a seal."""
TASK = "agent.order"
ANSWER_KEPT_SECONDS = 300
STILL_WORKING = "host.still_working"
"""Code of the failure that means: ask again, the work goes on."""
NIL = msgspec.msgpack.encode(None)
LONGEST = 1000
"""Characters of a host's sentence that are kept."""
MOST_VALUES = 16
"""Values in it."""
_MARKS = re.compile(r"%\(\w+\)[sd]|%%")
_NAMES = re.compile(r"%\((\w+)\)")
_CODE = re.compile(r"[a-z_]{1,40}\.[a-z_]{1,40}")


@dataclass(frozen=True, slots=True, order=True)
class Fence:
    """A number that grows with each operation and each attempt at it: an agent refuses orders of an older one."""

    sequence: int
    attempt: int = 0


def stale_order(subject: str) -> DriverError:
    """Return the refusal of an order that is older than one seen before."""
    return DriverError(
        _("A newer operation replaced the one that sent this command for %(subject)s."),
        values={"subject": subject},
        code="agent.stale_order",
        permanent=True,
    )


@dataclass(frozen=True, slots=True)
class Order:
    """`subject` is the VM, volume, image or pool it is about; after `expires` (Unix time) it must not be started."""

    id: str
    verb: str
    subject: str
    arguments: bytes
    expires: float
    fence: Fence | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A `DriverError` on its way."""

    template: str
    code: str
    permanent: bool
    hint: str
    values: dict[str, str | int | float] = field(default_factory=dict)

    @classmethod
    def of(cls, error: DriverError) -> "Failure":
        """Return the error as data."""
        return cls(error.template, error.code, error.permanent, error.hint, error.values)

    def error(self) -> DriverError:
        """Return the data as an error, whatever a host that is not itself any more has put into it."""
        values = {
            plain_text(name): _plain_value(value)
            for name, value in itertools.islice(self.values.items(), MOST_VALUES)
        }
        template = plain_text(self.template)
        if not _is_template(template, values):
            values = {}  # without values it is text as it stands, not a template
        code = self.code if _CODE.fullmatch(self.code) else "agent.failed"
        return DriverError(
            template, code=code, permanent=self.permanent, hint=plain_text(self.hint), values=values
        )


def plain_text(text: str) -> str:
    """Return a host's text as it can be kept and shown: cut, and without characters that print nothing."""
    return "".join(c if c.isprintable() or c in "\n\t" else " " for c in text[:LONGEST])


def _plain_value(value: str | int | float) -> str | int | float:
    if isinstance(value, str):
        return plain_text(value)
    return value if math.isfinite(value) else str(value)  # JSON has no such number


def _is_template(template: str, values: dict[str, str | int | float]) -> bool:
    if _MARKS.sub("", template).count("%") or not set(_NAMES.findall(template)) <= values.keys():
        return False
    try:
        template % values
    except (TypeError, ValueError):  # text where a number belongs
        return False
    return True


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of an order, or why there is none."""

    result: bytes = NIL
    failure: Failure | None = None


def queue_of(host: str) -> str:
    """Return the name of a host's queue, which is its key in Redis too."""
    return f"host.{host}"


def answer_purpose(order_id: str) -> str:
    """Return the purpose of the seal of an order's answer: that of another order, or attempt, does not open."""
    return f"{ANSWER} {order_id}"


def answer_key(host: str, order_id: str) -> str:
    """Return the Redis key of the list that gets an order's answer."""
    return f"host.{host}.answer.{order_id}"
