from apps.api.views import routes
from apps.audit.api import AuditApi
from apps.audit.pages import AUDIT, AuditList
from apps.portal.paths import kind_paths

api_routes = routes("audit", AuditApi)
tenant_patterns = kind_paths(AUDIT, list=AuditList)
admin_patterns = kind_paths(AUDIT, list=AuditList, admin=True)
