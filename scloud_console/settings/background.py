"""Celery: see apps/lifecycle/dispatch.py for why it carries only ids."""

from scloud_console.settings.data import REDIS_URL

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_TASK_SERIALIZER = "json"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Who rings tries once to connect: a request must not wait for a broker that is away; the sweeper rings later.
CELERY_BROKER_TRANSPORT_OPTIONS = {"max_retries": 0}
CELERY_BEAT_SCHEDULE = {
    "forget idempotency keys": {"task": "lifecycle.forget_idempotency_keys", "schedule": 3600.0},
    "forget batches": {"task": "lifecycle.forget_batches", "schedule": 3600.0},
    "sweep": {"task": "lifecycle.sweep", "schedule": 2.0, "options": {"expires": 10}},
    "recount storage space": {
        "task": "infrastructure.recount_space",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    "give pool keys": {
        "task": "infrastructure.give_pool_keys",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "empty storage trash": {"task": "storage.purge", "schedule": 60.0, "options": {"expires": 60}},
    # As often as there is a point of a chart.
    "apply speed to disks": {
        "task": "storage.apply_speed",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "observe storage": {"task": "storage.observe", "schedule": 30.0, "options": {"expires": 30}},
    "follow copies of disks": {
        "task": "storage.finish_copies",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "discard disks of reinstalled VMs": {
        "task": "storage.discard_left",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "settle sizes of disks": {"task": "storage.settle_sizes", "schedule": 60.0, "options": {"expires": 60}},
    "observe storage's health": {
        "task": "storage.observe_health",
        "schedule": 3.0,
        "options": {"expires": 3},
    },
    "collect reports": {"task": "infrastructure.collect_reports", "schedule": 2.0, "options": {"expires": 4}},
    "watch hosts": {"task": "infrastructure.watch_hosts", "schedule": 1.0, "options": {"expires": 2}},
    "give heartbeat plans": {
        "task": "infrastructure.give_heartbeat_plans",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "check management controllers": {
        "task": "infrastructure.check_controllers",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "relieve overloaded hosts": {
        "task": "balancing.relieve_hosts",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "carry on rebalancings": {
        "task": "balancing.carry_on",
        "schedule": 3.0,
        "options": {"expires": 6},
    },
    "forget the balancing log": {
        "task": "balancing.forget_old",
        "schedule": 3600.0,
        "options": {"expires": 600},
    },
    # Hosts leave counters every 30 s; asked for more often, none is missed and none waits long.
    "collect usage": {"task": "infrastructure.collect_usage", "schedule": 10.0, "options": {"expires": 10}},
    "roll metrics up": {"task": "metrics.roll_up", "schedule": 300.0, "options": {"expires": 300}},
    "keep metrics' partitions": {"task": "metrics.keep_up", "schedule": 3600.0, "options": {"expires": 600}},
    "reconcile": {"task": "reconciliation.look", "schedule": 5.0, "options": {"expires": 10}},
    "forget old findings": {"task": "reconciliation.forget", "schedule": 3600.0, "options": {"expires": 600}},
    "make default networks": {
        "task": "network.make_due_networks",
        "schedule": 20.0,
        "options": {"expires": 20},
    },
    "end quarantines": {
        "task": "network.end_quarantines",
        "schedule": 20.0,
        "options": {"expires": 20},
    },
    "follow hosts with edges": {
        "task": "network.follow_hosts",
        "schedule": 20.0,
        "options": {"expires": 20},
    },
    "finish changes of addresses": {
        "task": "network.finish_changes",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "remove expired uploads": {
        "task": "uploads.remove_expired",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    "recount quotas": {"task": "quotas.recount", "schedule": 60.0, "options": {"expires": 60}},
    "forget old sessions": {"task": "tenancy.forget_old", "schedule": 3600.0, "options": {"expires": 600}},
}
# Workers take from both queues in turn: a thousand waiting operations must not keep hosts from being heard.
CELERY_TASK_ROUTES = {entry["task"]: {"queue": "periodic"} for entry in CELERY_BEAT_SCHEDULE.values()}
