"""What networks add to the apps below."""

from __future__ import annotations

from apps.network.services.default_network import create_default_network
from apps.tenancy.newcomers import new_accounts

new_accounts.fill(create_default_network)
