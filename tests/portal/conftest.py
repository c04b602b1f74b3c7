"""The pretend region of the compute tests, VMs that settle at once, and something in every list."""

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.lifecycle.actor import Actor
from apps.network.models import Subnet
from tests import factories
from tests.compute.conftest import cloud, owner, subnet, world
from tests.compute.factories import Cloud
from tests.no_lease_renewal import no_lease_renewal

__all__ = ["cloud", "no_lease_renewal", "owner", "subnet", "world"]


@pytest.fixture
def sample_site(ada: User, alice: User, owner: Actor, cloud: Cloud, subnet: Subnet) -> Cloud:
    from tests.portal.test_lists_everywhere import add_sample_data

    add_sample_data(owner, cloud, subnet, 1)
    return cloud


@pytest.fixture
def clients(alice: User, ada: User) -> dict[str, Client]:
    return {"/": factories.page_client(alice), "/admin/": factories.page_client(ada)}
