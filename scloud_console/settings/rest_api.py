"""The API and its document."""

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.api.authentication.ApiKeyAuthentication",
        "apps.api.authentication.PortalSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.api.parsing.StrictJsonParser"],
    "DEFAULT_METADATA_CLASS": None,  # the document says what there is
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "apps.api.negotiation.JsonNegotiation",
    "URL_FORMAT_OVERRIDE": None,  # the Accept header alone
    "DEFAULT_PAGINATION_CLASS": "apps.api.paging.CursorPages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "apps.api.errors.problem_response",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": False,
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "SCloudStack API",
    "DESCRIPTION": "All functions of the portals. Changes return 202 with an operation; errors are problem+json.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "PATH_CONVERTER_OVERRIDES": {
        "id": {"type": "string", "format": "uuid"},
        "int": {"type": "string", "pattern": "^[1-9][0-9]{0,18}$"},
        "slug": {"type": "string", "pattern": "^[-a-zA-Z0-9_]{1,63}$"},
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.api.error_responses.document_refusals",
        "apps.api.document_parts.modernise",
        "apps.api.document_parts.refer_to_vocabularies",
        "apps.api.document_parts.close_requests",
        "apps.api.document_headers.document_headers",
    ],
    "ENUM_NAME_OVERRIDES": {
        "StateEnum": "apps.lifecycle.models.State",
        "ResourceStatusEnum": "apps.lifecycle.models.status.Status",
        "RoleEnum": "apps.accounts.models.Role",
        "DiskRoleEnum": "apps.storage.models.Disk.Role",
        "NicRoleEnum": "apps.network.models.NicRole",
        "OwnNicRoleEnum": "apps.compute.api.vm_nics.OWN_NIC_ROLES",
        "ElasticNicRoleEnum": "apps.network.api.enis.ELASTIC_NIC_ROLES",
        "EipDeliveryEnum": "apps.network.models.Eip.Delivery",
        "PowerEnum": "apps.compute.models.vm.Power",
        "HaPriorityEnum": "apps.compute.api.vm_bodies.HA_PRIORITIES",
        "PriorityEnum": "apps.network.models.SecurityGroupRule.Priority",
        "ReachabilityResultEnum": "apps.network.reachability.steps.Result",
    },
}
