"""What beat asks of networks."""

from celery import shared_task

from apps.network.services.default_network import make_due_networks
from apps.network.services.edges import follow_hosts
from apps.network.services.quarantine import end_quarantines
from apps.network.services.unfinished import finish_changes


@shared_task(name="network.make_due_networks", ignore_result=True)
def make_default_networks() -> None:
    """Give accounts their default networks in regions that were opened."""
    make_due_networks()


@shared_task(name="network.end_quarantines", ignore_result=True)
def free_addresses() -> None:
    """Free the external addresses whose quarantine is over."""
    end_quarantines()


@shared_task(name="network.follow_hosts", ignore_result=True)
def follow_hosts_with_edges() -> None:
    """Have the edges of regions know which hosts there are."""
    follow_hosts()


@shared_task(name="network.finish_changes", ignore_result=True)
def finish_external_changes() -> None:
    """Finish changes of EIPs, elastic NICs and segments that were left half-way."""
    finish_changes()
