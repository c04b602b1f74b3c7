"""Compute in the portals. One file per noun."""
