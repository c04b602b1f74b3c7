"""SE-1, SE-5: every documented operation, asked for as documented and not, by everybody: never a bug."""

from __future__ import annotations

import pytest
from django.core.wsgi import get_wsgi_application
from hypothesis import given
from hypothesis import strategies as st

from tests.api_fuzz.judging import judge
from tests.api_fuzz.operations import all_operations, cases, few
from tests.api_fuzz.sending import watched
from tests.api_fuzz.touched import NAME, paths_of
from tests.security.words import MARK
from tests.security.world import World
from tests.touched import WHAT_ANSWERS

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.real,  # for their time: they need no hosts
    pytest.mark.requirement("SE-1", "SE-5"),
    pytest.mark.campaign(NAME, paths_of, engine=WHAT_ANSWERS),
]

ROLES = ("nobody", "vera", "alice", "ada")
STRANGER = "bob"


@pytest.mark.parametrize(("path", "method"), all_operations())
def test_whatever_is_asked_the_answer_is_as_documented(
    path: str, method: str, world: World, before: dict[str, object]
) -> None:
    application = get_wsgi_application()
    segment = path.removeprefix("/api/v1/").partition("/")[0]

    @few(4)
    @given(case=cases(path, method), made_up=st.integers(0, 3))
    def ask(case, made_up) -> None:
        if case.path_parameters and made_up:
            case.path_parameters["key"] = str(world.keys[segment])
        for role in (*ROLES, STRANGER):
            headers = {"Authorization": f"Bearer {world.tokens[role]}"} if role in world.tokens else {}
            with watched(before) as seen:
                response = case.call(app=application, headers=headers)
                judge(case, response, seen)
            if role == STRANGER:
                assert MARK.encode() not in response.content

    ask()
