"""Who asks for a change, and from where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from apps.accounts.models import ApiKey, Tenant, User


@dataclass(frozen=True)
class Actor:
    """The person or program behind a request.

    `tenant` is the tenant acted for: the user's own, or the one an admin acts as; None for an admin as such.
    """

    user: User | None
    tenant: Tenant | None = None
    ip: str | None = None
    request_id: str = ""
    via: str = "portal"
    api_key: ApiKey | None = field(default=None, compare=False)
    # Of a browser: which session it is, and whether its user has proved who they are recently
    # (accounts/recent_proof.py).
    session: UUID | None = field(default=None, compare=False)
    recent: bool = field(default=True, compare=False)

    @property
    def is_admin(self) -> bool:
        """Whether this is a platform admin (also while acting as a tenant)."""
        return self.user is not None and self.user.is_platform_admin

    @property
    def is_system(self) -> bool:
        """Whether the platform itself acts (repair, auto scaling)."""
        return self.user is None and self.via == "system"


#: What an actor came by.
VIA = ("anonymous", "api", "portal", "system")
SYSTEM = Actor(user=None, via="system")
