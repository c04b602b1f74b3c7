"""What beat asks of the physical side."""

from celery import shared_task

from apps.infrastructure import controllers, heartbeat_plans, host_watch, pool_keys, usage
from apps.infrastructure.reports import collect
from apps.infrastructure.space import correct_space


@shared_task(name="infrastructure.collect_reports", ignore_result=True)
def collect_reports() -> None:
    """Take in what hosts reported."""
    collect()


@shared_task(name="infrastructure.collect_usage", ignore_result=True)
def collect_usage() -> None:
    """Take in hosts' counters."""
    usage.collect_usage()


@shared_task(name="infrastructure.recount_space", ignore_result=True)
def recount_space() -> None:
    """Correct what is reserved of storage clusters."""
    correct_space()


@shared_task(name="infrastructure.give_pool_keys", ignore_result=True)
def give_pool_keys() -> None:
    """Give hosts the keys of the pools that their VMs use."""
    pool_keys.give_pool_keys()


@shared_task(name="infrastructure.give_heartbeat_plans", ignore_result=True)
def give_heartbeat_plans() -> None:
    """Tell hosts where to renew their heartbeats and whose to read."""
    heartbeat_plans.give_heartbeat_plans()


@shared_task(name="infrastructure.watch_hosts", ignore_result=True)
def watch_hosts() -> None:
    """Judge hosts by their heartbeats, and do what follows."""
    host_watch.watch_hosts()


@shared_task(name="infrastructure.check_controllers", ignore_result=True)
def check_controllers() -> None:
    """Ask management controllers whether they can be used."""
    controllers.check_controllers()
