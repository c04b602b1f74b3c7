"""What administrators set for the whole platform, while it runs.

Each app declares its settings in its own `platform_settings.py`, as it does its verbs, and reads them where they act:

    from apps.accounts.platform_settings import PASSWORD_LENGTH
    PASSWORD_LENGTH.value()  # an int: what was set, else the default
"""
