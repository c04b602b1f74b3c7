"""The network fabric over OVN's northbound database. Only `northbound` and `fabric` import its binding."""
