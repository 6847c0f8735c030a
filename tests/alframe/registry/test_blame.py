import os

import pytest

from alframe import PluginError, UsageError
from alframe.registry.blame import blamed
from alframe.registry.offers import Offer
from alframe.registry.plugin import Plugin

OFFER = Offer("wav", Plugin("mine", "dist", "1.0"), None)


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit("no"), PluginError("no")])
def test_whatever_is_raised_is_the_plugins(error):
    with (
        pytest.raises(PluginError, match=r"^plugin 'mine' \(dist 1.0\), open of 'wav': .*no"),
        blamed(OFFER, "open"),
    ):
        raise error


@pytest.mark.parametrize("error", [UsageError("no file"), KeyboardInterrupt()])
def test_what_is_for_the_user_passes(error):
    with pytest.raises(type(error)) as found, blamed(OFFER, "open"):
        raise error
    assert found.value is error


def test_what_is_printed_and_changed_harms_nobody(capsys, tmp_path):
    here = os.getcwd()

    def spoil():
        with blamed(OFFER, "open"):
            print("hello")
            os.chdir(tmp_path)

    with pytest.warns(UserWarning, match="changed the working directory"):
        spoil()
    assert os.getcwd() == here
    assert capsys.readouterr() == ("", "hello\n")


def test_no_way_out():
    with pytest.raises(PluginError, match="os._exit"), blamed(OFFER, "open"):
        os._exit(1)


def test_among_threads_nothing_of_the_process_is_touched(capsys):
    with blamed(OFFER, "content", alone=False):
        print("hello")
    assert capsys.readouterr().out == "hello\n"
