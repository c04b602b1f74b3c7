"""Changes of regions, clusters and hosts by admins. Rows only: nothing here waits for a machine. One file per noun."""
