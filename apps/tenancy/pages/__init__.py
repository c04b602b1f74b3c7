"""Pages of accounts, by noun. Logging in and one's own account belong to no kind."""
