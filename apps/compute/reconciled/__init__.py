"""What is reconciled of VMs and images."""
