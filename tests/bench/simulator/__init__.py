"""Hosts that exist only as records, and speak as real agents do: a thousand of them in a few processes.

Each has a key of its own and uses the agent's own code: it takes sealed orders from its queue in Redis, carries them
out on the in-memory hypervisor behind the agent's fences, leaves sealed answers, reports every five seconds (and soon
after a VM was started or stopped) and leaves counters every thirty. What is saved is what a machine per host would pay
for: a process, Celery's worker and Redis connections of its own. `fleet.py` is the test's side.
"""
