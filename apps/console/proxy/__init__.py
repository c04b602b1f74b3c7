"""The process between browsers (or native VNC clients) and the VNC servers of VMs: `python -m apps.console.proxy`."""
