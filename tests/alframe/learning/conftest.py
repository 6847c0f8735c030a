"""One registry for all tests of a round."""

import pytest

from alframe.registry.registry import installed


@pytest.fixture(autouse=True)
def _discovered_anew():
    """Discovered once for this folder: it takes longer than most of its tests, and none adds a plugin."""
    before = installed().plugins
    yield
    assert installed().plugins == before
