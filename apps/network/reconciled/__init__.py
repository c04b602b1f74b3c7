"""What is reconciled of networks."""
