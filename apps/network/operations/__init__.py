"""Handlers of networks. Only workers import them; all modules are loaded by their place."""
