"""The only writers of VMs, images, SSH keys and instance types. One file per noun."""
