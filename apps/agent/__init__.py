"""The agent on every compute host: it takes the control plane's orders for this host and reports what the host does.

A Celery worker on the queue `host.<name>`, with neither Django nor the database. What it may touch in Redis is in
`access.py`; what it can be told is in `verbs.py`.
"""
