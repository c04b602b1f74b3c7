"""Regions, clusters, storage and hosts; placement; and the way from a row to its driver (`backends.py`)."""
