"""Networks' paths, in the API and in both portals."""

from __future__ import annotations

from django.urls import path

from apps.api.routes import routes
from apps.network.api.default_network import DefaultNetworkApi
from apps.network.api.eips import EipsApi
from apps.network.api.enis import EnisApi
from apps.network.api.nics import NicsApi
from apps.network.api.ranges import VpcRangesApi
from apps.network.api.reachability import ReachabilityApi
from apps.network.api.security_groups import SecurityGroupsApi
from apps.network.api.segment_addresses import SegmentAddressesApi
from apps.network.api.segments import SegmentsApi
from apps.network.api.vpcs import SubnetsApi, VpcsApi
from apps.network.pages.eip_create import EipCreate
from apps.network.pages.eip_detail import EipDetail
from apps.network.pages.eips import EIP, EipList
from apps.network.pages.eni_create import EniCreate
from apps.network.pages.eni_detail import EniDetail
from apps.network.pages.enis import ENI, EniList
from apps.network.pages.ranges import RangesPage
from apps.network.pages.reachability import ReachabilityPage
from apps.network.pages.security_group_rules import RulesPage, SecurityGroupCreate
from apps.network.pages.security_groups import (
    SECURITY_GROUP,
    SecurityGroupDetail,
    SecurityGroupList,
)
from apps.network.pages.segment_detail import SegmentCreate, SegmentDetail
from apps.network.pages.segments import SEGMENT, SegmentList
from apps.network.pages.subnet_detail import SubnetDetail
from apps.network.pages.subnets import SUBNET, SubnetCreate, SubnetList
from apps.network.pages.vpcs import VPC, VpcCreate, VpcDetail, VpcList
from apps.portal.kind_urls import kind_paths

api_routes = [
    *routes("vpcs", VpcsApi),
    *routes("subnets", SubnetsApi),
    *routes("nics", NicsApi),
    *routes("security-groups", SecurityGroupsApi),
    *routes("external-segments", SegmentsApi),
    *routes("segment-addresses", SegmentAddressesApi),
    *routes("eips", EipsApi),
    *routes("enis", EnisApi),
    path("projects/<id:key>/default-network", DefaultNetworkApi.as_view(), name="projects-default-network"),
    path("reachability", ReachabilityApi.as_view(), name="reachability"),
    path("vpc-ranges", VpcRangesApi.as_view(), name="vpc-ranges"),
]

_RULES = "security-groups/<uuid:key>/rules/edit/"

tenant_patterns = [
    *kind_paths(VPC, list=VpcList, detail=VpcDetail, create=VpcCreate),
    *kind_paths(SUBNET, list=SubnetList, detail=SubnetDetail, create=SubnetCreate),
    *kind_paths(
        SECURITY_GROUP, list=SecurityGroupList, detail=SecurityGroupDetail, create=SecurityGroupCreate
    ),
    *kind_paths(EIP, list=EipList, detail=EipDetail, create=EipCreate),
    *kind_paths(ENI, list=EniList, detail=EniDetail, create=EniCreate),
    path(_RULES, RulesPage.as_view(), name="security_group.rules"),
    path("reachability/", ReachabilityPage.as_view(), name="reachability"),
]

admin_patterns = [
    *kind_paths(VPC, list=VpcList, detail=VpcDetail, admin=True),
    *kind_paths(SUBNET, list=SubnetList, detail=SubnetDetail, admin=True),
    *kind_paths(SECURITY_GROUP, list=SecurityGroupList, detail=SecurityGroupDetail, admin=True),
    *kind_paths(EIP, list=EipList, detail=EipDetail, admin=True),
    *kind_paths(ENI, list=EniList, detail=EniDetail, admin=True),
    *kind_paths(SEGMENT, list=SegmentList, detail=SegmentDetail, create=SegmentCreate, admin=True),
    path(_RULES, RulesPage.as_view(admin=True), name="security_group.rules"),
    path("reachability/", ReachabilityPage.as_view(admin=True), name="reachability"),
    path("vpc-ranges/", RangesPage.as_view(admin=True), name="vpc_range.list"),
]
