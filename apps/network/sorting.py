"""What elastic NICs and external segments can be ordered by that is no column of their own."""

from __future__ import annotations

from django.db.models import BooleanField, ExpressionWrapper, F, Func, OuterRef, Q, Subquery, TextField, Value
from django.db.models.functions import Coalesce

from apps.network.models import Nic, SegmentAddress

_NIC = Nic.objects.filter(owner=OuterRef("pk")).order_by()
_HELD = SegmentAddress.objects.filter(holder=OuterRef("pk")).order_by()

ENI_ADDRESS = Coalesce(Subquery(_HELD.values("ip")[:1]), Subquery(_NIC.values("ip")[:1]))
ENI_NETWORK = Coalesce(F("segment__name"), Subquery(_NIC.values("subnet__name")[:1]))
IS_EXTERNAL = ExpressionWrapper(Q(segment__isnull=False), output_field=BooleanField())
ROUTES = Func(F("routes"), Value(", "), function="array_to_string", output_field=TextField())
