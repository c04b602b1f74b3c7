"""Handlers of compute's verbs, one module per noun."""
