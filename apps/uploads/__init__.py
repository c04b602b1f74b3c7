"""Files that browsers and programs send to the control plane in parts, by tus 1.0: for now, disk images."""
