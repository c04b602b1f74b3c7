"""Per-tenant limits that concurrency cannot overrun."""
