import inspect

import pytest

from alframe import hookspecs

HOOKS = {name: value for name, value in vars(hookspecs).items() if name.startswith("alframe_")}


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_an_example_and_describes_its_arguments(name):
    docstring = inspect.getdoc(HOOKS[name])
    assert "Example::" in docstring
    for argument in inspect.signature(HOOKS[name]).parameters:
        assert f"{argument}: " in docstring


def test_the_stages_are_the_four():
    assert hookspecs.STAGES == ("train", "embed", "score", "select")
    assert {f"alframe_{stage}" for stage in hookspecs.STAGES} <= set(HOOKS)
