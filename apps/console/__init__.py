"""Screens of VMs: tickets, the proxy that redeems them, the console page. How it works: docs/concepts/console.md."""
