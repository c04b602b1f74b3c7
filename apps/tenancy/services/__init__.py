"""Changing accounts, by noun: tenants, projects, members, admins, API keys, passwords. Every change is audited."""
