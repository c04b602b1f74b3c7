"""What workers do about findings. The handlers of kinds are in the apps of the kinds.

Every handler looks again before it changes anything, and may run again from its top.
"""
