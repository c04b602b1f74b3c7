"""Comparing rows with what is really there, repairing what is safe, listing the rest for the administrator (OP-3)."""
