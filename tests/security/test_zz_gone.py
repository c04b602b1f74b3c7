import pytest
from tests.security.test_heads_and_bodies import *  # noqa
from tests.security import test_heads_and_bodies as t
for n in list(globals()):
    if n.startswith("test_"): del globals()[n]
pytestmark=[pytest.mark.real]
@pytest.mark.parametrize("n", range(30))
def test_gone(running, n):
    t.test_a_web_process_that_is_gone_is_said_to_be_so(running)
