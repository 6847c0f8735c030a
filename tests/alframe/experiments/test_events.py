from types import SimpleNamespace

import pytest

from alframe import PluginInfo, UsageError
from alframe.experiments.events import Audience
from alframe.registry.listeners import require_listeners


class Odd(BaseException): ...


@pytest.fixture
def play(bare_registry, make_plugin):
    """A registry with who hears all, who is asked for, and who fails; sends events and says who heard."""
    heard, told = [], []

    def listener(name, fails=None, **info):
        def hook(run):
            heard.append(name)
            if fails is not None:
                raise fails

        hooks = {"alframe_run_started": hook, "alframe_round_finished": hook}
        plugin = make_plugin(alframe_info=lambda: PluginInfo(summary="", **info), **hooks)
        bare_registry.register(plugin, name)

    listener("first", OSError(28, "No space left on device"))
    listener("exits", SystemExit(3))
    listener("odd", Odd("!"))
    listener("missing", UsageError("it needs a library"))
    listener("asked", on_request=True)
    listener("last")
    audience = Audience(bare_registry, lambda key, text: told.append((key, text)))

    def send(event="run_started", log=(), **how):
        heard.clear()
        run = SimpleNamespace(settings=SimpleNamespace(listeners=require_listeners(bare_registry, log)))
        audience.send(event, run, **how)
        return list(heard)

    send.audience, send.told, send.registry = audience, told, bare_registry
    return send


def test_one_that_fails_is_told_of_once_and_dropped(play):
    assert play() == ["first", "exits", "odd", "missing", "last"]
    assert play("round_finished", record={}) == ["last"]
    assert play() == ["last"]
    assert [key for key, _ in play.told] == ["local/first", "local/exits", "local/odd", "local/missing"]
    assert play.audience.dropped == {"local/first", "local/exits", "local/odd", "local/missing"}
    where = "(local) failed in alframe_run_started and hears no more of this run: "
    assert [text for _, text in play.told] == [
        f"plugin 'first' {where}OSError: [Errno 28] No space left on device",
        f"plugin 'exits' {where}SystemExit: 3",
        f"plugin 'odd' {where}Odd: !",
        f"plugin 'missing' {where}it needs a library",
    ]


def test_one_on_request_hears_where_it_is_asked_for(play):
    assert "asked" not in play()
    assert play(log=["asked"]) == ["asked", "last"]
    assert play(log=["local/asked"]) == ["asked", "last"]
    assert play(log=["asked"], again=True) == ["asked"]
    assert play(again=True) == []
