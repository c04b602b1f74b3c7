"""The words of the tables of answers: roles, sets of answers that are often the same, and rows of a kind.

What the columns and words mean is said in `answers.py`.
"""

from __future__ import annotations

#: In the name of everything tenant A has: it must not turn up in anything a stranger is answered.
MARK = "acme-only"

#: From where images may be downloaded.
IMAGE_SOURCE = "images.example.org"

PEOPLE = ("nobody", "bob", "vera", "otto", "mia", "alice", "ada")
KEYS = ("read key", "operate key", "write key", "accounts key")
ROLES = (*PEOPLE, *KEYS, "acting")

# -- API ---------------------------------------------------------------------------------------------------------------
# In each: people, keys, acting.

A_ANYONE = "ok ok ok ok ok ok ok  ok ok ok ok  ok"
A_MEMBER = "401 ok ok ok ok ok ok  ok ok ok ok  ok"
A_VIEW = "401 404 ok ok ok ok ok  ok ok ok ok  ok"
A_OPERATE = "401 404 403 ok ok ok ok  403 ok ok ok  ok"
A_MANAGE = "401 404 403 403 ok ok ok  403 403 ok ok  ok"
A_OWNER = "401 404 403 403 403 ok ok  403 403 ok ok  ok"
A_CREATE = "401 no 403 403 ok ok ok  403 403 ok ok  ok"
A_ADMIN_READS = "401 403 403 403 403 403 ok  ok ok ok ok  403"
A_ADMIN = "401 403 403 403 403 403 ok  403 403 ok ok  403"
A_ADMIN_SEES = "401 404 404 404 404 404 ok  ok ok ok ok  404"
A_ADMIN_HIDDEN = "401 404 404 404 404 404 ok  403 403 ok ok  404"
A_ADMIN_UNKNOWN = "401 404 403 403 403 403 ok  403 403 ok ok  403"
#: The inside of a tenant's machines: an admin acts as the tenant first, and has no key for it.
A_INSIDE = "401 404 403 ok ok ok 403  403 ok ok ok  ok"
A_INSIDE_MANAGE = "401 404 403 403 ok ok 403  403 403 ok ok  ok"
A_INSIDE_CREATE = "401 no 403 403 ok ok 403  403 403 ok ok  ok"
#: Accounts. What takes access away: keys with the scope `accounts`. What gives access: no key.
A_MEMBERS_SEEN = "401 404 404 404 404 ok ok  ok ok ok ok  ok"
A_TAKES = "401 404 404 404 404 ok ok  403 403 403 ok  403"
A_GIVES = "401 404 404 404 404 ok ok  403 403 403 403  403"
A_ADMIN_TAKES = "401 404 404 404 404 404 ok  403 403 403 ok  404"
A_ADMIN_GIVES = "401 404 404 404 404 404 ok  403 403 403 403  404"
A_TENANT_TAKES = "401 404 403 403 403 403 ok  403 403 403 ok  403"
A_TENANT_GIVES = "401 404 403 403 403 403 ok  403 403 403 403  403"
#: Bulk requests as a whole, by the verb that is requested.
A_BULK = "401 ok 403 403 ok ok ok  403 403 ok ok  ok"
A_BULK_OPERATE = "401 ok 403 ok ok ok ok  403 ok ok ok  ok"
A_ADMIN_BULK_TAKES = "401 403 403 403 403 403 ok  403 403 403 ok  403"

#: What is otto's own, asked for in his session.
A_OTTOS = "401 404 404 ok 404 404 404  404 404 404 404  404"

#: What is another user's own.
A_NOBODYS = "401 404 404 404 404 404 404  404 404 404 404  404"
A_NOBODYS_CHANGED = "401 404 404 404 404 404 404  403 404 404 404  404"
#: A factor that the caller has not; no key and nobody who acts as somebody else removes one.
A_NO_FACTOR = "401 404 404 404 404 404 404  403 403 403 403  403"

Rows = dict[str, str]


def api(
    plural: str,
    *,
    see: str = A_VIEW,
    create: str = "",
    patch: str = "",
    delete: str = "",
    bulk: str = A_BULK,
    **actions: str,
) -> Rows:
    """Return the rows of a kind's endpoints; `actions` maps an action to its answers, "_" standing for "-".

    bulk: of the request as a whole; who may do what with each row is tried in tests/api/test_bulk.py.
    """
    rows = {f"api:{plural} GET": A_MEMBER, f"api:{plural}-one GET": see}
    if bulk and (delete or actions):
        rows[f"api:{plural}-bulk POST"] = bulk
    for name, answers in (("POST", create), ("PATCH", patch), ("DELETE", delete)):
        if answers:
            rows[f"api:{plural}{'' if name == 'POST' else '-one'} {name}"] = answers
    return rows | {f"api:{plural}-{action.replace('_', '-')} POST": ans for action, ans in actions.items()}


# -- pages of the tenant's portal --------------------------------------------------------------------------------------

P_MEMBER = "login ok ok ok ok ok elsewhere  login login login login  ok"
P_VIEW = "login 404 ok ok ok ok elsewhere  login login login login  ok"
P_OPERATE = "login 404 403 ok ok ok elsewhere  login login login login  ok"
P_MANAGE = "login 404 403 403 ok ok elsewhere  login login login login  ok"
#: What administrators alone do to a tenant's resources.
P_ADMIN = "login 404 403 403 403 403 elsewhere  login login login login  403"
P_OWNER = "login 404 403 403 403 ok elsewhere  login login login login  ok"
P_MEMBERS_SEEN = "login 404 404 404 404 ok elsewhere  login login login login  ok"
P_OWNER_HIDDEN = "login 404 404 404 404 ok elsewhere  login login login login  no"
P_CREATE = "login no no no ok ok elsewhere  login login login login  ok"
P_OWN = "login ok ok ok ok ok elsewhere  login login login login  no"
P_CREATE_IN_PERSON = "login no no no ok ok elsewhere  login login login login  no"
#: Another member's session or passkey, and a provider that is not for the user: nobody's but their own.
P_NOT_THEIRS = "login 404 404 404 404 404 elsewhere  login login login login  404"


def pages(
    kind: str,
    *,
    see: str = P_VIEW,
    read: str = "",
    create: str = "",
    **actions: str,
) -> Rows:
    """Return the rows of a kind's pages.

    read: further pages that only show something. An action is requested by GET, which shows and changes nothing.
    Bulk only asks here; who may do what with each row is tried in tests/portal/test_bulk.py.
    """
    rows = {f"portal:{kind}.list GET": P_MEMBER}
    if actions:
        rows |= {f"portal:{kind}.bulk GET": P_MEMBER, f"portal:{kind}.bulk POST": P_MEMBER}
    rows |= {f"portal:{kind}.{name} GET": see for name in read.split()}
    if create:
        rows |= {f"portal:{kind}.create GET": P_MEMBER, f"portal:{kind}.create POST": create}
    for action, answers in actions.items():
        rows |= {f"portal:{kind}.{action} GET": see, f"portal:{kind}.{action} POST": answers}
    return rows


# -- pages of the administration ---------------------------------------------------------------------------------------

ADMIN_ONLY = "login 404 404 404 404 404 ok  login login login login  403"
#: The inside of a tenant's machine: an admin acts as the tenant first.
ADMIN_INSIDE = "login 404 404 404 404 404 403  login login login login  403"
#: A tenant user's key: an admin deactivates the account instead of reading its keys.
ADMIN_NOT_THEIRS = "login 404 404 404 404 404 404  login login login login  403"


def admin(kind: str, *, read: str = "", acts: str = "", answers: str = ADMIN_ONLY, many: bool = True) -> Rows:
    """Return the rows of a kind's pages in the administration: `read` only shows, `acts` shows and does."""
    rows = {f"admin:{kind}.list GET": ADMIN_ONLY}
    rows |= {f"admin:{kind}.{name} GET": answers for name in (*read.split(), *acts.split())}
    if many and set(acts.split()) - {"create", "change"}:
        rows |= {f"admin:{kind}.bulk GET": ADMIN_ONLY, f"admin:{kind}.bulk POST": ADMIN_ONLY}
    return rows | {f"admin:{kind}.{name} POST": answers for name in acts.split()}
