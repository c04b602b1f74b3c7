"""Comparing rows with what is really there, mending what is safe, listing the rest for the administrator (OP-3)."""
