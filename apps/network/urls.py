"""Networks' paths, in the API and in both portals."""

from __future__ import annotations

from django.urls import path

from apps.api.views import routes
from apps.network.api.nics import NicsApi
from apps.network.api.ranges import VpcRangesApi
from apps.network.api.security_groups import SecurityGroupsApi
from apps.network.api.vpcs import SubnetsApi, VpcsApi

api_routes = [
    *routes("vpcs", VpcsApi),
    *routes("subnets", SubnetsApi),
    *routes("nics", NicsApi),
    *routes("security-groups", SecurityGroupsApi),
    path("vpc-ranges", VpcRangesApi.as_view(), name="vpc-ranges"),
]
