"""Pages of quotas: the tenant's own, and for administrators tenants with what they use."""
