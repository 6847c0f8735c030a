import errno

import pytest
import torch

from alframe import AlframeWarning, PluginError, TrialError, UsageError
from alframe.learning.blame import blame
from alframe.registry.plugin import Plugin

PLUGIN = Plugin("mine", "their-package", "0.3")
WHERE = r"^plugin 'mine' \(their-package 0.3\), hook alframe_score"


class Odd(BaseException): ...


def fails(error):
    with blame(PLUGIN, "hook alframe_score"):
        raise error


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (KeyError("size"), PluginError, "raised KeyError: 'size'"),
        (SystemExit(0), PluginError, "raised SystemExit: 0"),
        (Odd("!"), PluginError, "raised Odd: !"),
        (PluginError("wanted scores"), PluginError, ": wanted scores"),
        (MemoryError(), TrialError, ": out of memory"),
        (torch.OutOfMemoryError("2 GiB"), TrialError, ": out of memory. 2 GiB"),
        (RuntimeError("DefaultCPUAllocator: not enough memory"), TrialError, ": out of memory. Default"),
        (OSError(errno.ENOSPC, "No space left"), TrialError, r": OSError: \[Errno 28\] No space left"),
    ],
)
def test_plugin_and_place_are_named(error, kind, message):
    with pytest.raises(kind, match=WHERE + ".*" + message) as caught:
        fails(error)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [UsageError("no dropout"), TrialError("damaged"), KeyboardInterrupt()])
def test_what_passes_as_it_is(error):
    with pytest.raises(type(error)) as caught:
        fails(error)
    assert caught.value is error


def test_who_is_blamed_already_is_not_blamed_again():
    with pytest.raises(PluginError) as caught, blame(PLUGIN, "hook alframe_select"):
        fails(KeyError("size"))
    assert str(caught.value).count("plugin 'mine'") == 1


def test_what_is_changed_for_everybody_is_put_back_and_the_plugin_named():
    def change():
        with blame(PLUGIN, "hook alframe_score"):
            torch.set_default_dtype(torch.float64)

    with pytest.warns(AlframeWarning, match=WHERE + " changed torch's default dtype, for everybody's code"):
        change()
    assert torch.get_default_dtype() == torch.float32
