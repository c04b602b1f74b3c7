"""What beat asks of balancing."""

from celery import shared_task

from apps.balancing import carrying_out, decisions, overload


@shared_task(name="balancing.relieve_hosts", ignore_result=True)
def relieve_hosts() -> None:
    """Move VMs off hosts that stay overloaded."""
    overload.relieve_hosts()


@shared_task(name="balancing.forget_old", ignore_result=True)
def forget_old() -> None:
    """Delete old lines of the balancing log."""
    decisions.forget_old()


@shared_task(name="balancing.carry_on", ignore_result=True)
def carry_on() -> None:
    """Start the next migrations of rebalancings."""
    carrying_out.carry_on_rebalancings()
