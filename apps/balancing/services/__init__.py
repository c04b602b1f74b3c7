"""What administrators change: the rules of a cluster, and rebalancings."""
