"""Accounts' paths; the kits pick these lists up."""

from __future__ import annotations

from django.urls import path

from apps.api.routes import routes
from apps.portal.kind_urls import kind_paths
from apps.tenancy.account_paths import account_paths
from apps.tenancy.api import (
    AccountPassword,
    AdminsApi,
    ApiKeysApi,
    MembersApi,
    ProjectsApi,
    ResourceRolesApi,
    TenantsApi,
)
from apps.tenancy.api.audit import AuditApi
from apps.tenancy.api.factors import FactorApp, FactorPasskey, Factors
from apps.tenancy.api.me import Me
from apps.tenancy.api.sessions import EndOtherSessions, SessionsApi
from apps.tenancy.pages.acting import ActAsPage, StopActing
from apps.tenancy.pages.admins import ADMIN, AdminCreate, AdminList, AdminReset
from apps.tenancy.pages.audit import AUDIT, AuditList
from apps.tenancy.pages.keys import KEY, KeyCreate, KeyList
from apps.tenancy.pages.login import LogIn, LogOut
from apps.tenancy.pages.member_kind import MEMBER, MEMBER_OF_ANY
from apps.tenancy.pages.members import (
    AnyMemberDetail,
    AnyMemberList,
    AnyMemberRole,
    MemberCreate,
    MemberDetail,
    MemberList,
    MemberReset,
)
from apps.tenancy.pages.oidc import OidcBack, OidcStart
from apps.tenancy.pages.preferences import ChooseLanguage, PreferencesPage
from apps.tenancy.pages.projects import PROJECT, ProjectCreate, ProjectDetail, ProjectList
from apps.tenancy.pages.resource_roles import RESOURCE_ROLE, ResourceRoleCreate, ResourceRoleList
from apps.tenancy.pages.second_step import PasskeyLogIn, PasskeyOptions, SecondStep

api_routes = [
    *routes("tenants", TenantsApi),
    *routes("projects", ProjectsApi),
    *routes("members", MembersApi),
    *routes("resource-roles", ResourceRolesApi),
    *routes("api-keys", ApiKeysApi),
    *routes("administrators", AdminsApi),
    *routes("audit", AuditApi),
    *routes("sessions", SessionsApi),
    path("sessions/end-others", EndOtherSessions.as_view(), name="sessions-end-others"),
    path("factors", Factors.as_view(), name="factors"),
    path("factors/app", FactorApp.as_view(), name="factors-app"),
    path("factors/passkeys/<int:key>", FactorPasskey.as_view(), name="factors-passkey"),
    path("me", Me.as_view(), name="me"),
    path("account/password", AccountPassword.as_view(), name="account-password"),
]

tenant_patterns = [
    path("login/", LogIn.as_view(), name="login"),
    path("logout/", LogOut.as_view(), name="logout"),
    path("stop-acting/", StopActing.as_view(), name="stop_acting"),
    path("login/second-step/", SecondStep.as_view(), name="login.second"),
    path("login/passkey/", PasskeyLogIn.as_view(), name="login.passkey"),
    path("login/passkey/options/", PasskeyOptions.as_view(), name="login.passkey_options"),
    path("login/with/<slug:key>/", OidcStart.as_view(), name="oidc.start"),
    path("login/with/<slug:key>/back/", OidcBack.as_view(), name="oidc.back"),
    *account_paths(),
    path("account/preferences/", PreferencesPage.as_view(), name="account.preferences"),
    path("language/", ChooseLanguage.as_view(), name="language"),
    *kind_paths(PROJECT, list=ProjectList, detail=ProjectDetail, create=ProjectCreate),
    path("members/<uuid:key>/reset-password/", MemberReset.as_view(), name="member.reset_password"),
    *kind_paths(MEMBER, list=MemberList, detail=MemberDetail, create=MemberCreate),
    *kind_paths(RESOURCE_ROLE, list=ResourceRoleList, create=ResourceRoleCreate),
    *kind_paths(KEY, list=KeyList, create=KeyCreate),
    *kind_paths(AUDIT, list=AuditList),
]

admin_patterns = [
    *account_paths(admin=True),
    path("account/preferences/", PreferencesPage.as_view(admin=True), name="account.preferences"),
    path("tenants/<uuid:key>/act-as/", ActAsPage.as_view(admin=True), name="tenant.act_as"),
    path("members/<uuid:key>/reset-password/", MemberReset.as_view(admin=True), name="member.reset_password"),
    path("members/<uuid:key>/set-role/", AnyMemberRole.as_view(admin=True), name="member.set_role"),
    *kind_paths(MEMBER_OF_ANY, list=AnyMemberList, detail=AnyMemberDetail, admin=True),
    *kind_paths(RESOURCE_ROLE, list=ResourceRoleList, create=ResourceRoleCreate, admin=True),
    path(
        "administrators/<uuid:key>/reset-password/",
        AdminReset.as_view(admin=True),
        name="admin_user.reset_password",
    ),
    *kind_paths(ADMIN, list=AdminList, create=AdminCreate, admin=True),
    *kind_paths(KEY, list=KeyList, create=KeyCreate, admin=True),
    *kind_paths(AUDIT, list=AuditList, admin=True),
]
