"""Tenants, their members and roles, projects (business groups) and API keys."""
