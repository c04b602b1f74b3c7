"""What is reconciled of storage, one module per kind."""
