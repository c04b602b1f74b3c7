"""The API kit (base views, paging, errors, authentication, idempotency) and the wiring of all endpoints."""
