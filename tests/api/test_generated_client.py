"""IN-1: a typed client that a generator makes from the document drives a tenant's day."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.wsgi import get_wsgi_application

from apps.accounts.models import User
from tests import factories, openapi
from tests.api_fuzz.sending import one_connection
from tests.compute.factories import Cloud
from tests.reconciliation.drift import work

pytestmark = pytest.mark.requirement("IN-1")

NAME = "generated_scloud_client"
GENERATOR = Path(sys.executable).parent / "openapi-python-client"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Generate the client and make it importable."""
    directory = tmp_path_factory.mktemp("client")
    config = directory / "config.yaml"
    config.write_text("post_hooks: []\n")  # formatting it takes longer than making it
    document = directory / "openapi.json"
    document.write_text(json.dumps(openapi.committed()))  # its reader of YAML takes a third of the time
    command = [GENERATOR, "generate", "--path", document, "--config", config, "--meta", "none"]
    made = subprocess.run(
        [*command, "--output-path", directory / NAME, "--fail-on-warning"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(directory))
    yield NAME
    sys.path.remove(str(directory))
    for name in [each for each in sys.modules if each.partition(".")[0] == NAME]:
        del sys.modules[name]


class Tenant:
    """A tenant's program: the generated client, and operations that finish while it waits."""

    def __init__(self, package: str, token: str) -> None:
        self.package = package
        client = importlib.import_module(f"{package}.client")
        self.client = client.AuthenticatedClient(
            base_url="http://testserver", token=token, raise_on_unexpected_status=True
        )
        transport = httpx.WSGITransport(app=get_wsgi_application())
        headers = {"Authorization": f"Bearer {token}"}
        self.client.set_httpx_client(
            httpx.Client(base_url="http://testserver", headers=headers, transport=transport)
        )

    def model(self, name: str, /, *args: Any, **values: Any) -> Any:
        """Return an object of the generated models."""
        return getattr(importlib.import_module(f"{self.package}.models"), name)(*args, **values)

    def call(self, where: str, *args: Any, **values: Any) -> Any:
        """Call an endpoint ("vms.create_vms") and return what it answers, parsed."""
        module = importlib.import_module(f"{self.package}.api.{where}")
        response = module.sync_detailed(*args, client=self.client, **values)
        assert response.status_code < 300, response.content
        return response.parsed

    def wait(self, operation: Any) -> Any:
        """Follow an operation to its end."""
        work()
        seen = self.call("operations.get_operations", operation.id)
        assert seen.status == "done", seen
        return seen


@pytest.fixture
def tenant(package: str, alice: User, cloud: Cloud) -> Iterator[Tenant]:
    with one_connection():
        yield Tenant(package, factories.api_token(alice))


def _network(tenant: Tenant) -> tuple[Any, Any]:
    vpc = tenant.call(
        "vpcs.create_vpcs", body=tenant.model("VpcBodyRequest", name="production", cidr="10.0.0.0/16")
    )
    tenant.wait(vpc.operation)
    body = tenant.model("SubnetBodyRequest", vpc=vpc.resource.id, name="front", cidr="10.0.0.0/24")
    subnet = tenant.call("subnets.create_subnets", body=body)
    tenant.wait(subnet.operation)
    return vpc.resource, subnet.resource


def _group(tenant: Tenant) -> Any:
    direction = tenant.model("DirectionEnum", "in")
    protocol = tenant.model("RuleBodyProtocolEnum", "ssh")
    rule = tenant.model("RuleBodyRequest", direction=direction, protocol=protocol, address="0.0.0.0/0")
    body = tenant.model("SecurityGroupBodyRequest", name="web", rules=[rule])
    made = tenant.call("security_groups.create_security_groups", body=body)
    tenant.wait(made.operation)
    return made.resource


def test_a_generated_client_drives_a_tenants_day(tenant: Tenant, alice: User, cloud: Cloud) -> None:
    assert tenant.call("me.get_me").username == alice.username
    _vpc, subnet = _network(tenant)
    group = _group(tenant)
    pair = tenant.call("key_pairs.create_key_pairs", body=tenant.model("KeyPairBodyRequest", name="laptop"))
    assert pair.private_key.startswith("-----BEGIN")
    (size,) = [each for each in tenant.call("instance_types.list_instance_types").results if each.vcpu == 1]
    (image,) = tenant.call("images.list_images").results
    body = tenant.model(
        "VmBodyRequest",
        name="web-1",
        instance_type=size.id,
        image=image.id,
        subnet=subnet.id,
        security_group=group.id,
        key_pairs=[pair.id],
    )
    made = tenant.call("vms.create_vms", body=body, idempotency_key="a-key")
    again = tenant.call("vms.create_vms", body=body, idempotency_key="a-key")
    assert [each.id for each in again.operations] == [each.id for each in made.operations]
    tenant.wait(made.operations[0])
    vm = tenant.call("vms.get_vms", made.resources[0].id)
    assert (vm.state, vm.power_seen, vm.nics[0].security_group.id) == ("ready", "on", str(group.id))
    tenant.wait(tenant.call("vms.power_off_vms", vm.id).operation)
    assert tenant.call("vms.get_vms", vm.id).power_seen == "off"
    tenant.wait(tenant.call("vms.start_vms", vm.id).operation)
    assert tenant.call("vms.get_vms", vm.id).power_seen == "on"
    tenant.wait(tenant.call("vms.shut_down_vms", vm.id).operation)
    tenant.wait(tenant.call("vms.delete_vms", vm.id).operation)
    assert tenant.call("vms.list_vms").results == []
    tenant.wait(tenant.call("security_groups.delete_security_groups", group.id).operation)
    tenant.wait(tenant.call("subnets.delete_subnets", subnet.id).operation)
    assert tenant.call("key_pairs.delete_key_pairs", pair.id) is None


def test_a_generated_client_reads_a_refusal(tenant: Tenant) -> None:
    module = importlib.import_module(f"{tenant.package}.api.vpcs.create_vpcs")
    body = tenant.model("VpcBodyRequest", name="production", cidr="10.0.0.0/33")
    refused = module.sync(client=tenant.client, body=body)
    assert (refused.status, refused.code, refused.errors[0].field) == (422, "invalid", "cidr")
