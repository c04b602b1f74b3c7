"""The physical side in the portals. One file per noun."""
