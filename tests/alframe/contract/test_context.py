import math

import numpy as np
import pytest
import torch

from alframe import PluginError
from alframe.contract.context import Context


@pytest.fixture
def ctx():
    return Context(1, 2, torch.device("cpu"), torch.Generator())


@pytest.mark.parametrize("value", [2, 2.0, True, torch.tensor([2.0]), np.float32(2), "2"])
def test_a_number_of_any_kind_is_logged_as_one(ctx, value):
    ctx.log("steps", value)
    assert ctx.logged == {"steps": float(value)}
    assert type(ctx.logged["steps"]) is float


def test_what_is_no_number_may_be_logged(ctx):
    ctx.log("loss", math.nan)
    assert math.isnan(ctx.logged["loss"])


@pytest.mark.parametrize(
    "value", [None, "many", [1], {}, torch.zeros(2), 10**400, 1j, torch.zeros(1, device="meta")]
)
def test_a_value_that_is_none_is_the_plugins_fault(ctx, value):
    with pytest.raises(PluginError, match=r"ctx.log\('steps', ...\) wants a number, got "):
        ctx.log("steps", value)


@pytest.mark.parametrize("name", [None, 1, ("a", "b")])
def test_a_name_that_is_no_text_too(ctx, name):
    with pytest.raises(PluginError, match=r"ctx.log wants a name, a text, got "):
        ctx.log(name, 1.0)
