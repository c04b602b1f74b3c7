"""Compute in the API. One file per noun."""
