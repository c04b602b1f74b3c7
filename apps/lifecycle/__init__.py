"""Resources, operations and the engine that runs them. Read `models/operation.py` first."""
