"""Second factors of logins: codes of an authenticator app, passkeys, recovery codes.

allauth keeps them (`Authenticator` rows) and knows the protocols; these modules are the only ones that touch it.
"""
