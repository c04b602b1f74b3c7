"""SE-1: the one table of who gets which answer, for every URL and method, tried on objects of tenant A.

Columns, in this order. People use a session that has proved a moment ago who it is:
    nobody  not logged in
    bob     owner of tenant B, a stranger
    vera    member of A, viewer of the project
    otto    member of A, operator of the project
    mia     member of A, manager of the project
    alice   owner of A
    ada     platform admin
    read key, operate key, write key, accounts key
            API keys of these scopes, of alice; of ada where alice may not do it and ada may
    acting  ada, acting as tenant A in a session

Words:
    ok         it is done (2xx, a redirect onward, or 409: not in its present state)
    login      redirect to the login page
    elsewhere  redirect to the same page in the administration
    no         turned away with 403, 404 or 422, nothing changed: a form that does not even offer what is not allowed
    401 … 404  this status, nothing changed

A kind of resource has its rows in its own file of tests/kinds; here is all else. A route without a row fails
test_every_route.py.
"""

from __future__ import annotations

from tests.kinds import CASES
from tests.security.words import (
    A_ADMIN,
    A_ADMIN_BULK_TAKES,
    A_ADMIN_GIVES,
    A_ADMIN_HIDDEN,
    A_ADMIN_READS,
    A_ADMIN_SEES,
    A_ADMIN_TAKES,
    A_ADMIN_UNKNOWN,
    A_ANYONE,
    A_BULK_OPERATE,
    A_CREATE,
    A_GIVES,
    A_MANAGE,
    A_MEMBER,
    A_MEMBERS_SEEN,
    A_NO_FACTOR,
    A_NOBODYS,
    A_NOBODYS_CHANGED,
    A_OTTOS,
    A_OWNER,
    A_TAKES,
    A_TENANT_GIVES,
    A_TENANT_TAKES,
    A_VIEW,
    ADMIN_NOT_THEIRS,
    ADMIN_ONLY,
    P_MANAGE,
    P_MEMBER,
    P_MEMBERS_SEEN,
    P_NOT_THEIRS,
    P_OWN,
    P_OWNER,
    P_OWNER_HIDDEN,
    Rows,
    admin,
    api,
    pages,
)

# -- API ---------------------------------------------------------------------------------------------------------------

API: Rows = {
    "api:hosts-metrics GET": A_ADMIN_SEES,
    "api:hosts-drain-plan GET": A_ADMIN_SEES,
    "api:storage-clusters-metrics GET": A_ADMIN_SEES,
    "api:compute-clusters-metrics GET": A_ADMIN_SEES,
    "api:compute-clusters-balancing GET": A_ADMIN_SEES,
    "api:compute-clusters-balancing PATCH": A_ADMIN_HIDDEN,
    "api:compute-clusters-rebalancing-plan GET": A_ADMIN_SEES,
    **api(
        "rebalancings",
        see=A_ADMIN_SEES,
        create=A_ADMIN,
        cancel=A_ADMIN_HIDDEN,
        bulk="",
    ),
    **api("balancing-decisions", see=A_ADMIN_SEES, bulk=""),
    **api("instance-types", see=A_MEMBER, create=A_ADMIN, delete=A_ADMIN, bulk=A_ADMIN),
    # A ticket is its asker's own: otto's here.
    **api(
        "console-tickets",
        see=A_OTTOS,
        credentials="401 404 404 ok 404 404 404  403 404 404 404  404",
        bulk="",
    ),
    **api(
        "uploads",
        # Of those who may create in the project.
        see="401 404 404 404 ok ok ok  ok ok ok ok  ok",
        create=A_CREATE,
        delete="401 404 404 404 ok ok ok  403 403 ok ok  ok",
    ),
    # By tus, whose header is missing here.
    "api:tus POST": "401 no 403 403 no no no  403 403 no no  no",
    "api:tus-one PATCH": "401 404 404 404 no no no  403 no no no  no",
    "api:tus-one DELETE": "401 404 404 404 no no no  403 no no no  no",
    # The link is ada's.
    "api:downloads-one GET": "401 404 404 404 404 404 ok  ok ok ok ok  404",
    # What is asked about stands in the query, which is missing here.
    "api:reachability GET": "401 no no no no no no  no no no no  no",
    "api:vpc-ranges GET": A_MEMBER,
    "api:vpc-ranges PUT": A_ADMIN,
    **api(
        "regions",
        see=A_MEMBER,
        create=A_ADMIN,
        patch=A_ADMIN,
        open=A_ADMIN,
        close=A_ADMIN,
        delete=A_ADMIN,
        bulk="",
    ),
    "api:projects-default-network POST": A_MANAGE,
    **api(
        "compute-clusters",
        see=A_MEMBER,
        create=A_ADMIN,
        patch=A_ADMIN,
        delete=A_ADMIN,
        permit=A_ADMIN,
        start_rolling=A_ADMIN,
        roll_on=A_ADMIN,
        end_rolling=A_ADMIN,
        bulk=A_ADMIN,
    ),
    **api(
        "storage-clusters",
        see=A_MEMBER,
        create=A_ADMIN,
        patch=A_ADMIN,
        delete=A_ADMIN,
        permit=A_ADMIN,
        test=A_ADMIN,
        set_key=A_ADMIN,
        set_speed=A_ADMIN,
        apply_speed=A_ADMIN,
        open=A_ADMIN,
        close=A_ADMIN,
        bulk=A_ADMIN,
    ),
    **api(
        "hosts",
        see=A_ADMIN_SEES,
        # Both answers hold a host's login and seal key.
        create="401 403 403 403 403 403 ok  403 403 403 403  403",
        delete=A_ADMIN_HIDDEN,
        open=A_ADMIN_HIDDEN,
        close=A_ADMIN_HIDDEN,
        renew=A_ADMIN_GIVES,
        set_controller=A_ADMIN_GIVES,
        fence=A_ADMIN_HIDDEN,
        confirm_off=A_ADMIN_HIDDEN,
        readmit=A_ADMIN_HIDDEN,
        drain=A_ADMIN_HIDDEN,
        put_back=A_ADMIN_HIDDEN,
        bulk=A_ADMIN,
    ),
    **api("operations", cancel=A_MANAGE, retry=A_MANAGE, bulk=A_BULK_OPERATE),
    **api(
        "findings",
        see=A_ADMIN_SEES,
        resync=A_ADMIN_HIDDEN,
        retry=A_ADMIN_HIDDEN,
        roll_back=A_ADMIN_HIDDEN,
        force_clean=A_ADMIN_HIDDEN,
        dismiss=A_ADMIN_HIDDEN,
        reopen=A_ADMIN_HIDDEN,
        bulk=A_ADMIN,
    ),
    # What is asked about stands in the query, which is missing here.
    "api:findings-preview GET": "401 404 404 404 404 404 no  no no no no  404",
    **api(
        "in-trouble",
        see=A_ADMIN_SEES,
        resync=A_ADMIN_HIDDEN,
        retry=A_ADMIN_HIDDEN,
        force_clean=A_ADMIN_HIDDEN,
        bulk=A_ADMIN,
    ),
    "api:in-trouble-preview GET": "401 404 404 404 404 404 no  no no no no  404",
    **api("audit"),
    **api(
        "tenants",
        create="401 403 403 403 403 403 ok  403 403 403 403  403",
        patch=A_TENANT_TAKES,
        delete=A_TENANT_TAKES,
        disable=A_TENANT_TAKES,
        enable=A_TENANT_GIVES,
        bulk=A_ADMIN_BULK_TAKES,
    ),
    "api:quotas GET": "401 ok ok ok ok ok 404  ok ok ok ok  ok",
    "api:tenants-quotas GET": A_VIEW,
    "api:tenants-quotas PATCH": A_ADMIN_UNKNOWN,
    "api:tenants-recount POST": A_ADMIN_UNKNOWN,
    **api(
        "projects",
        create="401 ok 403 403 403 ok no  403 403 ok ok  ok",
        patch=A_OWNER,
        delete=A_OWNER,
        bulk="401 ok 403 403 403 ok ok  403 403 ok ok  ok",
    ),
    **api(
        "resource-roles",
        see=A_MEMBERS_SEEN,
        create="401 no 403 403 403 ok ok  403 403 403 403  403",
        delete=A_TAKES,
        bulk="401 ok 403 403 403 ok ok  403 403 403 ok  403",
    ),
    **api(
        "members",
        see=A_MEMBERS_SEEN,
        create="401 no 403 403 403 ok no  403 403 403 403  403",
        delete=A_TAKES,
        set_role=A_GIVES,
        set_owner=A_GIVES,
        activate=A_GIVES,
        deactivate=A_TAKES,
        reset_password=A_GIVES,
        reset_two_factor=A_GIVES,
        end_sessions=A_TAKES,
        unlink_log_ins=A_TAKES,
        bulk="401 ok 403 403 403 ok ok  403 403 403 ok  403",
    ),
    # A key of another member: who runs the tenant sees it; an admin deactivates the account instead.
    **api(
        "api-keys",
        see="401 404 404 404 404 ok 404  ok ok ok ok  ok",
        create="401 ok ok ok ok ok ok  403 403 403 ok  403",
        delete="401 404 404 404 404 ok 404  403 403 403 ok  403",
        bulk="401 ok ok ok ok ok ok  403 403 403 ok  403",
    ),
    **api(
        "administrators",
        see=A_ADMIN_SEES,
        create="401 403 403 403 403 403 ok  403 403 403 403  403",
        delete=A_ADMIN_GIVES,
        activate=A_ADMIN_GIVES,
        deactivate=A_ADMIN_GIVES,
        reset_password=A_ADMIN_GIVES,
        reset_two_factor=A_ADMIN_GIVES,
        end_sessions=A_ADMIN_TAKES,
        unlink_log_ins=A_ADMIN_TAKES,
        bulk="401 403 403 403 403 403 ok  403 403 403 403  403",
    ),
    "api:settings GET": A_ADMIN_READS,
    # A setting of logins and sessions; others: tests/tenancy/test_stolen_key.py.
    "api:settings PATCH": "401 403 403 403 403 403 ok  403 403 403 403  403",
    "api:account-password POST": "401 ok ok ok ok ok ok  403 403 403 403  403",
    # Preferences; while acting the profile stays as it is.
    "api:me PATCH": "401 ok ok ok ok ok ok  403 403 403 403  ok",
    "api:me GET": A_MEMBER,
    "api:search GET": A_MEMBER,
    # Of nina, who is nobody's to look at here; one's own: tests/tenancy/test_own_account_api.py.
    "api:sessions GET": A_MEMBER,
    "api:sessions-one GET": A_NOBODYS,
    "api:sessions-one DELETE": A_NOBODYS_CHANGED,
    "api:sessions-end-others POST": "401 ok ok ok ok ok ok  403 403 403 403  ok",
    "api:factors GET": A_MEMBER,
    "api:factors-app DELETE": A_NO_FACTOR,
    "api:factors-passkey DELETE": A_NO_FACTOR,
    # Which list is meant stands in the query, which is missing here.
    "api:saved-views GET": "401 no no no no no no  no no no no  no",
    "api:saved-views POST": "401 ok ok ok ok ok ok  403 403 ok ok  ok",
    "api:saved-views-one PATCH": "401 404 404 404 404 404 404  403 403 404 404  404",
    "api:saved-views-one DELETE": "401 404 404 404 404 404 404  403 403 404 404  404",
    "api:resources-timeline GET": A_VIEW,
    "api:schema GET": A_ANYONE,
    "api:docs GET": "login ok ok ok ok ok ok  login login login login  ok",
}

# -- pages of the tenant's portal --------------------------------------------------------------------------------------

#: The pages of one's own account, the same in both portals.
ACCOUNT = (
    "account GET",
    "account POST",
    "account.security GET",
    "account.security POST",
    "account.app GET",
    "account.app POST",
    "account.app_remove GET",
    "account.passkey GET",
    "account.passkey_options POST",
    "account.recovery_codes GET",
    "account.sessions GET",
    "account.sessions_end GET",
    "account.sessions_end POST",
    "account.linked GET",
    "account.confirm GET",
    "account.confirm POST",
    "account.confirm_options POST",
)
ACCOUNT_OF_SOMEBODY = (
    "account.passkey_remove GET",
    "account.passkey_remove POST",
    "account.session_end GET",
    "account.session_end POST",
    "account.link POST",
    "account.unlink GET",
    "account.unlink POST",
)


PAGES: Rows = {
    "portal:uploads GET": P_MEMBER,
    "portal:uploads.delete POST": "login 404 404 404 ok ok elsewhere  login login login login  ok",
    "portal:home GET": P_MEMBER,
    # A bulk action's outcome is its asker's, otto's here, and of who runs the tenant.
    "portal:bulk.one GET": "login 404 404 ok 404 ok elsewhere  login login login login  ok",
    "portal:search GET": P_MEMBER,
    "portal:reachability GET": P_MEMBER,
    # In development only.
    "portal:style GET": "404 404 404 404 404 404 404  404 404 404 404  404",
    "portal:login GET": A_ANYONE,
    "portal:login POST": A_ANYONE,
    "portal:logout POST": A_ANYONE,
    "portal:stop_acting POST": "login 404 404 404 404 404 elsewhere  login login login login  ok",
    "portal:login.second GET": A_ANYONE,
    # Nobody of them has passed the first step.
    "portal:login.second POST": "no no no no no no no  no no no no  no",
    "portal:login.passkey POST": "no no no no no no no  no no no no  no",
    "portal:login.passkey_options POST": A_ANYONE,
    "portal:oidc.start GET": "404 404 404 404 404 404 404  404 404 404 404  404",
    "portal:oidc.back GET": "404 404 404 404 404 404 404  404 404 404 404  404",
    **{f"portal:{row}": P_MEMBER for row in ACCOUNT},
    **{f"portal:{row}": P_NOT_THEIRS for row in ACCOUNT_OF_SOMEBODY},
    # Acting as a tenant, an admin changes nothing of the own account either.
    "portal:account POST": P_OWN,
    "portal:account.security POST": P_OWN,
    "portal:account.passkey_remove POST": "login 404 404 404 404 404 elsewhere  login login login login  403",
    # Nobody of them has an app or a passkey.
    "portal:account.app_remove POST": "login 404 404 404 404 404 elsewhere  login login login login  403",
    "portal:account.passkey POST": "login no no no no no elsewhere  login login login login  no",
    "portal:account.recovery_codes POST": P_OWN,
    "portal:account.confirm_passkey POST": "login no no no no no elsewhere  login login login login  no",
    "portal:account.preferences GET": P_MEMBER,
    "portal:account.preferences POST": P_MEMBER,
    "portal:language POST": "ok ok ok ok ok ok ok  ok ok ok ok  ok",
    "portal:quota.list GET": P_MEMBER,
    "portal:audit.list GET": P_MEMBER,
    "portal:list_settings POST": P_MEMBER,
    "portal:guide GET": P_MEMBER,
    "portal:guide.page GET": P_MEMBER,
    "portal:saved_views POST": P_MEMBER,
    "portal:operation.own GET": P_MEMBER,
    **pages("operation", read="one menu toast", cancel=P_MANAGE),
    **pages(
        "project",
        read="one tab.members menu",
        create="login ok 403 403 403 ok elsewhere  login login login login  ok",
        edit=P_OWNER,
        default_network=P_MANAGE,
        delete=P_OWNER,
    ),
    **pages(
        "member",
        see=P_MEMBERS_SEEN,
        read="one tab.roles menu",
        create="login no no no no ok elsewhere  login login login login  no",
        set_role=P_OWNER_HIDDEN,
        set_owner=P_OWNER_HIDDEN,
        activate=P_OWNER_HIDDEN,
        deactivate=P_OWNER_HIDDEN,
        remove=P_OWNER_HIDDEN,
        reset_password=P_OWNER_HIDDEN,
        reset_two_factor=P_OWNER_HIDDEN,
        end_sessions=P_OWNER_HIDDEN,
        unlink_log_ins=P_OWNER_HIDDEN,
    ),
    **pages(
        "resource_role",
        see=P_MEMBERS_SEEN,
        read="menu",
        create="login no no no no ok elsewhere  login login login login  no",
        delete=P_OWNER_HIDDEN,
    ),
    **pages(
        "api_key",
        see=P_MEMBERS_SEEN,
        read="menu",
        create="login ok ok ok ok ok elsewhere  login login login login  403",
        revoke=P_OWNER_HIDDEN,
    ),
}

# -- pages of the administration ---------------------------------------------------------------------------------------

ADMIN: Rows = {
    "admin:uploads GET": ADMIN_ONLY,
    "admin:uploads.delete POST": ADMIN_ONLY,
    "admin:home GET": ADMIN_ONLY,
    "admin:bulk.one GET": ADMIN_ONLY,
    "admin:search GET": ADMIN_ONLY,
    "admin:reachability GET": ADMIN_ONLY,
    "admin:operation.own GET": ADMIN_ONLY,
    **{f"admin:{row}": ADMIN_ONLY for row in ACCOUNT},
    **{f"admin:{row}": ADMIN_NOT_THEIRS for row in ACCOUNT_OF_SOMEBODY},
    "admin:account.app_remove POST": ADMIN_NOT_THEIRS,
    "admin:account.passkey POST": "login 404 404 404 404 404 no  login login login login  403",
    "admin:account.recovery_codes POST": ADMIN_ONLY,
    "admin:account.confirm_passkey POST": "login 404 404 404 404 404 no  login login login login  403",
    "admin:account.preferences GET": ADMIN_ONLY,
    "admin:account.preferences POST": ADMIN_ONLY,
    "admin:audit.list GET": ADMIN_ONLY,
    "admin:list_settings POST": ADMIN_ONLY,
    "admin:guide GET": ADMIN_ONLY,
    "admin:guide.page GET": ADMIN_ONLY,
    "admin:saved_views POST": ADMIN_ONLY,
    "admin:settings GET": ADMIN_ONLY,
    "admin:settings POST": ADMIN_ONLY,
    "admin:quota.set GET": ADMIN_ONLY,
    "admin:quota.set POST": ADMIN_ONLY,
    "admin:vpc_range.list GET": ADMIN_ONLY,
    "admin:vpc_range.list POST": ADMIN_ONLY,
    **admin("operation", read="one menu toast", acts="cancel"),
    **admin("finding", read="one menu", acts="resync retry roll_back force_clean dismiss reopen"),
    **admin("trouble", read="menu", acts="resync retry force_clean"),
    **admin("instance_type", read="one menu", acts="create delete"),
    **admin("region", read="one menu", acts="create change open close delete", many=False),
    **admin(
        "compute_cluster",
        read="one tab.monitoring tab.hosts tab.vms tab.balancing tab.maintenance tab.types tab.tenants menu",
        acts="create change permit set_balancing start_rolling roll_on end_rolling delete",
    ),
    "admin:compute_cluster.rebalance GET": ADMIN_ONLY,
    # No move is chosen.
    "admin:compute_cluster.rebalance POST": "login 404 404 404 404 404 no  login login login login  403",
    "admin:compute_cluster.rebalance_cancel POST": ADMIN_ONLY,
    **admin(
        "storage_cluster",
        read="one tab.monitoring menu",
        acts="create change permit test set_key set_speed apply_speed open close delete",
    ),
    **admin(
        "host",
        read="one tab.vms tab.maintenance tab.monitoring tab.activity menu",
        acts="create open close drain put_back fence confirm_off readmit set_controller remove renew_key",
    ),
    **admin(
        "tenant",
        read="one tab.quotas tab.projects tab.members tab.resources tab.activity menu",
        acts="create edit enable disable act_as delete",
    ),
    "admin:tenant.recount POST": ADMIN_ONLY,
    **admin(
        "member",
        read="one tab.roles menu",
        acts="set_role set_owner activate deactivate remove reset_password reset_two_factor end_sessions "
        "unlink_log_ins",
    ),
    **admin("resource_role", read="menu", acts="create delete"),
    **admin(
        "admin_user",
        read="menu",
        acts="create activate deactivate remove reset_password reset_two_factor end_sessions unlink_log_ins",
    ),
    **admin("api_key", acts="create"),
    "admin:api_key.bulk GET": ADMIN_ONLY,
    "admin:api_key.bulk POST": ADMIN_ONLY,
    "admin:api_key.menu GET": ADMIN_NOT_THEIRS,
    "admin:api_key.revoke GET": ADMIN_NOT_THEIRS,
    "admin:api_key.revoke POST": ADMIN_NOT_THEIRS,
}

for _case in CASES:
    API |= _case.api
    PAGES |= _case.pages
    ADMIN |= _case.admin

TABLE: Rows = API | PAGES | ADMIN

#: WebSockets: who may stay connected. What each of them hears is tried in test_websockets.py.
WEBSOCKETS: Rows = {"ws/page/": "closed ok ok ok ok ok ok  closed closed closed closed  ok"}
