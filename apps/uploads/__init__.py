"""Files that come to the control plane in parts, by tus 1.0 or from hosts, and leave it: disk images for now."""
