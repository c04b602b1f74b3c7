"""What quotas add to the apps below."""

from __future__ import annotations

from apps.quotas.services import welcome
from apps.tenancy.newcomers import new_accounts

new_accounts.fill(welcome)
