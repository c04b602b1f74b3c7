"""The only writers of VMs, images, key pairs and instance types. One file per noun."""
