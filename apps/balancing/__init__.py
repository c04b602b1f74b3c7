"""Moving VMs between the hosts of a cluster: off hosts that are overloaded, and to even out a cluster."""
