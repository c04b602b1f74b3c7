"""Why one VM cannot reach another: answered from the database alone, step by step along the path of a packet.

`flow.py` says what is sent, `endpoints.py` finds both ends, `path.py` reads what lies between them, and `steps.py`
has the slot of steps. Network's own steps are in `fabric.py`, `routing.py` and `filtering.py`; apps above fill in
theirs (the power of a VM, later gateways, NAT and external networks).
"""
