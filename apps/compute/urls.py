"""Compute's paths, in the API and in both portals."""

from __future__ import annotations

from django.urls import path

from apps.api.offered import offer
from apps.api.routes import routes
from apps.compute.api.host_drain import DrainPlanApi
from apps.compute.api.image_downloads import ImageDownloadApi
from apps.compute.api.images import ImageApi
from apps.compute.api.instance_types import InstanceTypeApi
from apps.compute.api.key_pairs import KeyPairApi
from apps.compute.api.vm_templates import VmTemplateApi
from apps.compute.api.vms import VmApi, VmMetrics
from apps.compute.pages.image_catalogue import ImageCataloguePage
from apps.compute.pages.image_import import ImageImport, TenantImageImport
from apps.compute.pages.image_link import ImageLinkPage
from apps.compute.pages.images import IMAGE, ImageDetail, ImageList
from apps.compute.pages.instance_types import (
    INSTANCE_TYPE,
    InstanceTypeCreate,
    InstanceTypeDetail,
    InstanceTypeList,
)
from apps.compute.pages.key_pairs import KEY_PAIR, KeyPairCreate, KeyPairDetail, KeyPairList
from apps.compute.pages.vm_create import VmCreate
from apps.compute.pages.vm_templates import (
    VM_TEMPLATE,
    VmTemplateCreate,
    VmTemplateDetail,
    VmTemplateList,
    VmTemplateVersionCreate,
)
from apps.compute.pages.vms import VM, VmDetail, VmList
from apps.compute.verbs import IMAGE_DOWNLOAD
from apps.portal.kind_urls import kind_paths

offer(IMAGE_DOWNLOAD)
api_routes = [
    *routes("vms", VmApi),
    path("vms/<id:key>/metrics", VmMetrics.as_view(), name="vms-metrics"),
    path("hosts/<id:key>/drain-plan", DrainPlanApi.as_view(), name="hosts-drain-plan"),
    *routes("vm-templates", VmTemplateApi),
    *routes("images", ImageApi),
    path(
        "images/<id:key>/download",
        ImageDownloadApi.as_view({"get": "get_download", "post": "post_download"}),
        name="images-download",
    ),
    *routes("key-pairs", KeyPairApi),
    *routes("instance-types", InstanceTypeApi),
]

tenant_patterns = [
    *kind_paths(VM, list=VmList, detail=VmDetail, create=VmCreate),
    *kind_paths(VM_TEMPLATE, list=VmTemplateList, detail=VmTemplateDetail, create=VmTemplateCreate),
    path(
        "vm-templates/<uuid:key>/versions/create/",
        VmTemplateVersionCreate.as_view(),
        name="vm_template.version",
    ),
    *kind_paths(IMAGE, list=ImageList, detail=ImageDetail, create=TenantImageImport),
    *kind_paths(KEY_PAIR, list=KeyPairList, detail=KeyPairDetail, create=KeyPairCreate),
]

admin_patterns = [
    path("images/catalogue/", ImageCataloguePage.as_view(admin=True), name="image.catalogue"),
    path("images/<uuid:key>/link/", ImageLinkPage.as_view(admin=True), name="image.link"),
    *kind_paths(VM, list=VmList, detail=VmDetail, admin=True),
    *kind_paths(IMAGE, list=ImageList, detail=ImageDetail, create=ImageImport, admin=True),
    *kind_paths(
        INSTANCE_TYPE, list=InstanceTypeList, detail=InstanceTypeDetail, create=InstanceTypeCreate, admin=True
    ),
]
