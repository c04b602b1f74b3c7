"""Networks in both portals, one file per noun."""
