"""The kinds of objects in the network fabric: one module declares a kind, for every driver (`declared`)."""
