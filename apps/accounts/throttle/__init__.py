"""One throttle for every check of a secret: per account, per network and in all, with growing delays.

`checks.check_secret` is the only way to a check (tests/security/test_secret_checks.py); the rest is how it counts.
"""
