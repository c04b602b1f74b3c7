"""Icons: one means one thing, on buttons of verbs, for kinds and in templates."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest
from django.conf import settings

from apps.lifecycle.verbs import all_verbs
from apps.portal.html import _TONE_ICONS
from apps.portal.kind_registry import list_pages
from apps.portal.kinds import PageKind
from apps.portal.slots import MENU

pytestmark = pytest.mark.requirement("UX-14")
#: Actions with the same meaning for people, whatever the verb is called.
SAME = {
    "delete": ("remove", "revoke", "delete_copy"),
    "create": ("derive", "enroll", "capture"),
    "rename": ("edit", "change"),
    "disable": ("deactivate",),
    "enable": ("activate",),
    "attach": ("bind",),
    "detach": ("force_detach", "unbind"),
    "set_limits": ("set_speed", "apply_speed"),
    "set_bandwidth": ("set_nic_bandwidth",),
}
MEANING_OF = {action: meaning for meaning, actions in SAME.items() for action in actions}
#: The same word for something else, or another word for what a menu entry or kind stands for.
SPECIAL = {
    "region.open": "open to tenants",
    "region.close": "close to tenants",
    "project.default_network": "kind vpc",
    "vm.set_security_group": "kind security_group",
    "eni.set_security_group": "kind security_group",
    "disk.snapshot": "kind snapshot",
    "vm.snapshot_disks": "kind snapshot",
    "vm.create_image": "kind image",
    "vm.save_template": "kind vm_template",
    "tenant.set_quotas": "menu quota.list",
    "platform_settings.change": "menu settings",
    "platform_settings.change_log_in": "menu settings",
    # Both are people who log in.
    "kind admin_user": "kind member",
}
#: Templates that draw an icon of a verb or kind, by hand, and mean the same by it.
IN_TEMPLATES = {
    "calculator": {"quotas/tenant_limits.html"},
    "camera": {"storage/snapshot_line.html"},
    "download": {
        "api/docs.html",
        "compute/image_download.html",
        "portal/list_tools.html",
        "portal/secret_once.html",
        "portal/tab_monitoring.html",
    },
    "device-desktop": {"console/screenshot_part.html"},
    "gauge": {"portal/home_attention.html"},
    "hierarchy-2": {"network/vpc_topology.html"},
    "history": {"tenancy/act_as.html"},
    "list-check": {"portal/own_tasks_badge.html"},
    "lock": {"quotas/tenant_overview.html"},
    "logout": {"portal/topbar.html"},
    "plus": {
        "compute/vm_disks.html",
        "compute/vm_eips.html",
        "compute/vm_elastic_nics.html",
        "storage/snapshot_overview.html",
        "infrastructure/home.html",
        "network/rule_editor.html",
        "network/vpc_subnets.html",
        "network/vpc_topology.html",
        "portal/first_steps.html",
        "portal/home.html",
        "portal/list.html",
        "portal/list_empty.html",
        "portal/palette_results.html",
    },
    "rotate-clockwise-2": {"portal/bulk_outcome.html"},
    "route": {"compute/vm_network.html", "network/vpc_subnets.html", "network/vpc_topology.html"},
    "shield": {"network/topology_machine.html"},
    "shield-lock": {"tenancy/account_security.html"},
    "toggle-left": {"infrastructure/host_states.html"},
    "trash": {"network/rule_row.html", "portal/list_view_form.html"},
    "user-share": {"portal/acting_as.html", "tenancy/act_as.html"},
    "user-x": {"portal/acting_as.html"},
    "users-group": {"infrastructure/cluster_tenants.html"},
}
DEVELOPMENT = {"portal/style_samples.html", "portal/style.html"}


def _kinds() -> list[PageKind]:
    return [page.of for area in ("portal", "admin") for page in list_pages(area).values()]


def _declared() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for verb in all_verbs():
        if verb.icon:
            found[verb.icon].add(SPECIAL.get(verb.name, MEANING_OF.get(verb.action, verb.action)))
    kinds = {kind.kind for kind in _kinds()}
    for kind in _kinds():
        name = f"kind {kind.kind}"
        found[kind.icon].add(SPECIAL.get(name, name))
    for slot in MENU:
        name = f"kind {slot.name.removesuffix('.list')}"
        if name.removeprefix("kind ") in kinds:
            found[slot.icon].add(SPECIAL.get(name, name))
        else:
            found[slot.icon].add(f"menu {slot.name}")
    for tone, icon in _TONE_ICONS.items():
        found[icon].add(f"tone {tone}")
    return found


def test_an_icon_stands_for_one_meaning() -> None:
    assert {icon: means for icon, means in _declared().items() if len(means) > 1} == {}


def test_templates_draw_icons_of_verbs_and_kinds_only_with_their_meaning() -> None:
    states = set(_TONE_ICONS.values())
    found: dict[str, set[str]] = defaultdict(set)
    declared = _declared()
    templates = Path(settings.BASE_DIR) / "templates"
    for path in templates.rglob("*.html"):
        name = str(path.relative_to(templates))
        for icon in re.findall(r"\{% icon [\"']([a-z0-9-]+)[\"']", path.read_text()):
            if icon in declared and icon not in states and name not in DEVELOPMENT:
                found[icon].add(name)
    assert found == IN_TEMPLATES
