"""The only way to check a secret: counted before it is judged, refused before anything expensive.

Whoever attacks an account must not lock its owner out. So failures are counted by where they come from: a device or a
network that the account has logged in from, and a running session, each have a budget of their own, which strangers
cannot use up.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from math import ceil
from typing import TypeVar

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.platform_settings import LOGIN_FAILURES, LOGIN_LOCK_MINUTES
from apps.accounts.throttle.rules import Bucket, Rule
from apps.accounts.throttle.store import store
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Refused

T = TypeVar("T")

DEVICE_COOKIE = "device"
#: Of one network (/24, /64): more where somebody has logged in before, such as an office behind one address.
NETWORK = Rule(free=20, memory=3600, step=5, cap=300)
KNOWN_NETWORK = Rule(free=60, memory=3600, step=5, cap=300)
#: Of all strangers together, and of all who are known.
STRANGERS = Rule(free=300, memory=600, step=0.2, cap=2)
ACQUAINTED = Rule(free=1000, memory=600, step=0.2, cap=2)
#: Logins of one network that are started and need a session of their own: passkeys, providers.
LOGIN_STARTS = Rule(free=300, memory=600, step=1, cap=10)
#: Hashes that one process computes at the same time, and seconds that one waits for its turn.
HASHES_AT_ONCE = 2
HASH_PATIENCE = 5.0
#: Where failures of an account are counted that come from nowhere it has logged in from.
STRANGER = "stranger"
_hashes = threading.BoundedSemaphore(HASHES_AT_ONCE)


class Throttled(Refused):
    """Too many failures came before. `retry_after`: seconds."""

    status = 429
    code = "login.throttled"

    def __init__(self, seconds: float) -> None:
        self.retry_after = max(1, ceil(seconds))
        super().__init__(
            _("Too many failed attempts. Try again in %(time)s.") % {"time": _in_words(self.retry_after)},
            hint=_("Browsers and networks you have logged in from before are not affected."),
            details={"retry_after": self.retry_after},
        )

    @property
    def headers(self) -> dict[str, str]:
        """Say when to try again."""
        return {"Retry-After": str(self.retry_after)}


@dataclass(frozen=True)
class Source:
    """Where a try comes from. device: the cookie's token. session: of who is logged in already."""

    address: str = ""
    device: str = ""
    session: str = ""

    @property
    def network(self) -> str:
        """The network that shares a budget: /24, or /64."""
        try:
            address = ip_address(self.address)
        except ValueError:
            return "none"
        mapped = getattr(address, "ipv4_mapped", None) or address
        return str(ip_network(f"{mapped}/{24 if mapped.version == 4 else 64}", strict=False))


def source_of(request: HttpRequest) -> Source:
    """Return where a request comes from."""
    device = request.COOKIES.get(DEVICE_COOKIE, "")
    return Source(request.META.get("REMOTE_ADDR") or "", device)


def source_of_actor(actor: Actor) -> Source:
    """Return where somebody who is logged in asks from."""
    return Source(actor.ip or "", session=str(actor.session or ""))


def account_rule() -> Rule:
    """Return how an account's failures count: as administrators have set it."""
    return Rule(free=LOGIN_FAILURES.value(), memory=3600, step=30, cap=LOGIN_LOCK_MINUTES.value() * 60)


def account_key(name: str) -> str:
    """Return what stands for an account in counters. Not its name: people type passwords into the wrong field."""
    return hmac.new(settings.SECRET_KEY.encode(), name.encode(), hashlib.sha256).hexdigest()[:32]


def check_secret(source: Source, account: str | None, judge: Callable[[], T], *, costly: bool = False) -> T:
    """Return what `judge` says; what is falsy counts as a failure. Raises Throttled before it is asked.

    account: of `account_key`; None while nobody is claimed to be. costly: it computes a password's hash.
    """
    buckets = _buckets(source, account)
    if costly:
        # Many who log in at once wait for their turn before they are counted: none of them has failed yet.
        _ensure_no_wait(store().wait(buckets))
        with _turn():
            return _judged(buckets, judge)
    return _judged(buckets, judge)


def _judged(buckets: list[Bucket], judge: Callable[[], T]) -> T:
    _ensure_no_wait(store().admit(buckets))
    found = judge()
    if found:
        store().take_back(buckets)
    return found


def _ensure_no_wait(seconds: float) -> None:
    if seconds > 0:
        raise Throttled(seconds)


def count_failure(source: Source, account: str) -> None:
    """Count a wrong token of 256 bits. Raises Throttled when there were too many.

    Such a token is judged first: that costs nothing, it cannot be guessed, and a program with an old key must not keep
    other programs of its network out. Its failures are no failed logins, and are counted apart from these.
    """
    where = f"n:{source.network}"
    wait = store().admit(
        [
            Bucket(_own(account, where), account_rule()),
            Bucket(f"tokens:{source.network}", KNOWN_NETWORK),
            Bucket("tokens:all", ACQUAINTED),
        ]
    )
    _ensure_no_wait(wait)


def count_login_start(source: Source) -> None:
    """Count a login that somebody begins who is not logged in: each makes a row. Raises Throttled for too many."""
    _ensure_no_wait(store().admit([Bucket(f"login-start:{source.network}", LOGIN_STARTS)]))


def note_log_in(source: Source, account: str) -> None:
    """The account's holder is in: remember device and network, and start their budget again."""
    marks = [f"n:{source.network}", *([_device(source)] if source.device else [])]
    store().forget([_own(account, mark) for mark in marks])
    store().remember(account, marks)
    store().remember(_any(source.network), ["n"])


def forgive(account: str) -> None:
    """Forget failures of the account and where it was logged in from: who manages it has reset it."""
    marks = store().forget_marks(account)
    store().forget([_own(account, mark) for mark in (*marks, STRANGER)])


def _buckets(source: Source, account: str | None) -> list[Bucket]:
    if account is None:
        return [_network(source), Bucket("all:strangers", STRANGERS)]
    own = account_rule()
    if source.session:
        return [Bucket(_own(account, f"s:{source.session}"), own), *_acquainted(source)]
    device, network = _device(source), f"n:{source.network}"
    knows_device, knows_network = store().known(account, [device, network])
    if source.device and knows_device:
        return [Bucket(_own(account, device), own), *_acquainted(source)]
    if knows_network:
        return [Bucket(_own(account, network), own), _network(source), Bucket("all:known", ACQUAINTED)]
    return [Bucket(_own(account, STRANGER), own), _network(source), Bucket("all:strangers", STRANGERS)]


def _acquainted(source: Source) -> list[Bucket]:
    # Apart from strangers' counts: a neighbour in the same network cannot use these up.
    return [Bucket(f"acquainted:{source.network}", KNOWN_NETWORK), Bucket("all:known", ACQUAINTED)]


def _network(source: Source) -> Bucket:
    (known,) = store().known(_any(source.network), ["n"])
    return Bucket(f"network:{source.network}", KNOWN_NETWORK if known else NETWORK)


def _any(network: str) -> str:
    return f"network:{network}"


def _own(account: str, mark: str) -> str:
    return f"account:{account}:{mark}"


def _device(source: Source) -> str:
    return "d:" + hashlib.sha256(source.device.encode()).hexdigest()[:32]


@contextmanager
def _turn() -> Iterator[None]:
    if not _hashes.acquire(timeout=HASH_PATIENCE):
        raise Throttled(HASH_PATIENCE)
    try:
        yield
    finally:
        _hashes.release()


def _in_words(seconds: int) -> str:
    if seconds < 100:
        return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
    minutes = ceil(seconds / 60)
    return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
