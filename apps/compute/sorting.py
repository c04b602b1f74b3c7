"""What VMs and images can be ordered by that is no column of their own, for the API and the pages."""

from __future__ import annotations

from django.db.models import BooleanField, ExpressionWrapper, OuterRef, Q, Subquery

from apps.compute.verbs import VM_CREATE
from apps.lifecycle.models import Operation
from apps.network.models import Nic, NicRole

_FIRST_NIC = Nic.objects.filter(owner=OuterRef("pk"), role=NicRole.INTERNAL).order_by()
_ASKED = Operation.objects.filter(target_id=OuterRef("pk"), verb=VM_CREATE.name)

IP = Subquery(_FIRST_NIC.values("ip")[:1])
MAC = Subquery(_FIRST_NIC.values("mac")[:1])
VPC = Subquery(_FIRST_NIC.values("subnet__vpc__name")[:1])
SUBNET = Subquery(_FIRST_NIC.values("subnet__name")[:1])
SECURITY_GROUP = Subquery(_FIRST_NIC.values("security_group__name")[:1])
CREATED_BY = Subquery(_ASKED.order_by("created_at").values("actor__username")[:1])
IS_BASE = ExpressionWrapper(Q(tenant__isnull=True), output_field=BooleanField())
