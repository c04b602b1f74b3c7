"""What a person does in a browser on pretend hosts: half of a module's tests in `make test`, all in `make campaign`."""

import pytest

sampled = pytest.mark.campaign("in a browser", ("apps/portal/", "static/js/", "templates/portal/"), share=2)
