"""Brings the whole platform up on one machine: data stores, pretend hosts, an OVN central, web and workers."""
