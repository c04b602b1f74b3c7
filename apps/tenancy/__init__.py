"""Tenants, their members and roles, business groups (projects) and API keys."""
