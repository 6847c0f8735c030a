import dataclasses
from types import SimpleNamespace

import pytest

import alframe
from alframe import PluginInfo, TrainResult, UsageError, option
from alframe.experiments.events import Audience
from alframe.experiments.settings import resolve
from alframe.registry.listeners import require_listeners


class Odd(BaseException): ...


class Asked(SimpleNamespace):
    def __init__(self, listeners):
        super().__init__(listeners=listeners, options_of=lambda plugin: plugin.info.options())


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
        run = SimpleNamespace(settings=Asked(require_listeners(bare_registry, log)))
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


@dataclasses.dataclass(frozen=True)
class Options:
    word: str = option("default", "what it hears with")


def test_a_listener_is_given_its_options_and_hears_of_a_failure(registry, make_plugin, tmp_path):
    heard = []

    def train(labelled):
        if len(labelled) > 100:
            raise OSError("no more")  # the trial's fault, no plugin is broken
        return TrainResult(epochs=1, accuracy=1.0, loss=0.0)

    for name, info in {"asked": {"on_request": True}, "always": {}, "silent": {"on_request": True}}.items():
        plugin = make_plugin(
            alframe_info=lambda info=info: PluginInfo(summary="", options=Options, **info),
            alframe_run_started=lambda run, options, name=name: heard.append((name, "start", options.word)),
            alframe_round_finished=lambda options, name=name: heard.append((name, "round", options.word)),
            alframe_run_failed=lambda run, reason, options, name=name: heard.append(
                (name, reason, options.word)
            ),
        )
        registry.register(plugin, name)
    registry.register(make_plugin(alframe_info=lambda: PluginInfo(summary=""), alframe_train=train), "trains")
    run = {"strategy": ["random"], "seeds": [1], "rounds": 1, "device": "cpu", "out": str(tmp_path)}
    sections = {
        "run": run | {"log": ["asked"]},
        "stages": {"train": "trains"},
        "asked": {"word": "mine"},
        "always": {"word": "also"},
        "silent": {"word": "unheard"},
    }
    result = alframe.run(sections, registry=registry)
    [(trial, error)] = result.failed
    says = str(error)
    assert "no more" in says
    assert heard == [
        *[("asked", "start", "mine"), ("always", "start", "also")],
        *[("asked", "round", "mine"), ("always", "round", "also")],
        *[("asked", says, "mine"), ("always", says, "also")],
    ]
    # Another process is given them, too, and those of a plugin that hears nothing are remarked upon.
    assert (trial.config["asked"], trial.config["always"]) == ({"word": "mine"}, {"word": "also"})
    assert "silent" not in trial.config
    assert trial.settings.unused_sections() == ["silent"]
    again = resolve(registry, trial.task.sections)
    assert again.options_of(registry.plugin("asked")) == Options("mine")
    plain = resolve(registry, {"run": run, "stages": {"train": "trains"}})
    assert plain.folder == trial.settings.folder
    with pytest.raises(UsageError, match="no option 'wrod' of 'asked'|unknown option of 'asked'"):
        alframe.run(sections | {"asked": {"wrod": "x"}}, registry=registry)
