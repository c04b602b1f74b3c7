"""Accounts: tenants, members, projects, roles, keys and sessions, and what each may do. Below the kits.

Their pages, API, OpenID Connect and second factors stand above the kits, in `apps/tenancy`.
"""
