"""Requests made up at random, of the API by its own document: docs/development.md says how to run them long."""
