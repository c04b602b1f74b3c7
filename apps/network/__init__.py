"""Private networks: VPCs, subnets, the NICs in them, and security groups."""
