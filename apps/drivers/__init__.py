"""Drivers: plain Python that makes one kind of backend match a frozen spec.

No Django and no database in here, so that the host agent can import it. `protocols.py` says what a driver can do,
`specs` what it is told and what it answers, `errors.py` the one error it raises; every other module is one backend.
"""
