from importlib import metadata
from pathlib import Path

import pytest

from alframe import (
    PluginError,
    PluginInfo,
    UsageError,
    hookimpl,
)
from alframe.registry.registry import Registry, installed


class Entry:
    """Stands for an installed entry point."""

    def __init__(self, name, load, distribution="third-party", version="1.0"):
        self.name = name
        self.value = f"{name}_module"
        self.load = load
        self.dist = type("Distribution", (), {"name": distribution, "version": version})()


def info(**hooks):
    return lambda: PluginInfo(summary="a plugin", **hooks)


def raising(error):
    def load():
        raise error

    return load


def nothing():
    return {}


def problem_of(registry, name):
    return next(plugin.problem for plugin in registry.plugins if plugin.name == name)


@pytest.fixture
def good(make_plugin):
    return make_plugin(alframe_info=info(), alframe_score=lambda pool: pool.probs)


def test_installed_plugins_are_found_through_entry_points(registry):
    assert {"alfamix", "entropy", "least-confidence", "margin", "random"} <= {
        p.name for p in registry.strategies
    }
    assert registry.problems() == []


def test_discovery_happens_once_a_process():
    assert installed() is installed()


def test_an_entry_point_listed_twice_is_one_plugin(good):
    entry = Entry("mine", lambda: good)
    assert [p.name for p in Registry([entry, entry]).plugins] == ["default", "mine"]


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (raising(ImportError("no module named x")), "could not be imported: ImportError: no module named x"),
        (raising(SyntaxError("bad")), "could not be imported: SyntaxError"),
        (raising(SystemExit(3)), "could not be imported: SystemExit"),
        (raising(AttributeError("no y")), "could not be imported: AttributeError"),
    ],
)
def test_a_plugin_that_cannot_be_imported_harms_nobody(load, reason, good):
    registry = Registry([Entry("broken", load), Entry("good", lambda: good)])
    assert problem_of(registry, "broken").startswith(reason)
    assert registry.plugin("good").module is good
    with pytest.raises(PluginError, match=r"plugin 'broken' \(third-party 1.0\): could not") as caught:
        registry.plugin("broken")
    assert caught.value.__cause__ is not None


def test_an_interrupt_during_import_is_an_interrupt():
    with pytest.raises(KeyboardInterrupt):
        Registry([Entry("x", raising(KeyboardInterrupt()))])


def test_a_plugin_that_prints_does_not_print_to_standard_output(good, capsys):
    def load():
        print("hello")
        return good

    Registry([Entry("chatty", load)])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hello" in captured.err


@pytest.mark.parametrize("name", ["train", "data", "model", "run", "stages"])
def test_names_of_sections_are_taken(bare_registry, good, name):
    assert "taken by a section" in bare_registry.register(good, name).problem


def test_two_plugins_of_one_name_are_not_guessed_between(make_plugin):
    first, second = (make_plugin(alframe_info=info()) for _ in range(2))
    registry = Registry([Entry("badge", lambda: first, "one"), Entry("badge", lambda: second, "two", "2.0")])
    with pytest.raises(UsageError, match=r"one/badge \(from one 1.0\), two/badge \(from two 2.0\)"):
        registry.plugin("badge")
    assert registry.plugin("two/badge").module is second


def test_an_unknown_name_is_met_with_suggestions(registry):
    with pytest.raises(UsageError, match="unknown strategy 'alfamx'. Did you mean 'alfamix'"):
        registry.plugin("alfamx", "strategy")


@pytest.mark.parametrize("value", ["mine", "other, mine", "third-party/mine", "*"])
def test_plugins_can_be_disabled(monkeypatch, good, value):
    monkeypatch.setenv("ALFRAME_DISABLE_PLUGINS", value)
    loads = []
    registry = Registry([Entry("mine", lambda: loads.append(1) or good)])
    assert loads == []
    with pytest.raises(UsageError, match="'mine' is disabled by ALFRAME_DISABLE_PLUGINS"):
        registry.plugin("mine")


def test_the_star_disables_third_parties_only(monkeypatch, registry):
    monkeypatch.setenv("ALFRAME_DISABLE_PLUGINS", "*")
    assert [p.name for p in Registry().strategies] == [p.name for p in registry.strategies]


def test_a_stage_is_called_alone_but_for_wrappers(bare_registry, make_plugin):
    class Doubling:
        @hookimpl(wrapper=True)
        def alframe_score(self):
            return (yield) * 2

    one = bare_registry.register(make_plugin(alframe_score=lambda: 1), "one")
    bare_registry.register(make_plugin(alframe_score=lambda: 10), "ten")
    doubling = bare_registry.register(Doubling(), "doubling")
    assert doubling.stages == ()
    arguments = {"pool": None, "labelled": None, "options": None, "ctx": None}
    assert bare_registry.call_stage("score", one, **arguments) == 2


def test_events_reach_every_plugin_whatever_the_others_do(bare_registry, make_plugin):
    heard = []
    bare_registry.register(make_plugin(alframe_run_started=lambda run: 1 / 0), "failing")
    hears = lambda run, options: heard.append((run, options))  # noqa: E731
    bare_registry.register(make_plugin(alframe_run_started=hears), "hearing")
    own = {"failing": 1, "hearing": 2}
    sent = bare_registry.send("run_started", lambda plugin: True, lambda plugin: own[plugin.name], run="r")
    failures = list(sent)
    assert heard == [("r", 2)]
    assert [(p.name, type(e)) for p, e in failures] == [("failing", ZeroDivisionError)]


def test_every_entry_point_is_loaded_as_it_is_installed(registry):
    assert {e.name for e in metadata.entry_points(group="alframe")} <= {p.name for p in registry.plugins}


ALIASES = {
    "RandomSampling": "random",
    "EntropySampling": "entropy",
    "BALDDropout": "bald",
    "CoreSet": "coreset",
    "AdversarialDeepFool": "deepfool",
    "BadgeSampling": "badge",
    "CDALSampling": "cdal",
    "GCNSampling": "coregcn",
    "AlphaMixSampling": "alfamix",
}


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_the_names_of_the_authors_program_resolve(registry, alias, name):
    assert registry.plugin(alias, "strategy").name == name


def test_a_name_comes_before_an_alias_and_two_of_one_alias_are_not_guessed_between(
    bare_registry, make_plugin
):
    def plugin(*aliases):
        return make_plugin(alframe_info=lambda: PluginInfo(summary="x", aliases=aliases))

    for name, *aliases in (("one", "shared"), ("two", "shared", "one")):
        bare_registry.register(plugin(*aliases), name)
    assert bare_registry.plugin("one").name == "one"
    with pytest.raises(UsageError, match=r"2 plugins offer the plugin 'shared': local/one .* local/two"):
        bare_registry.plugin("shared")


def test_an_alias_is_suggested(registry):
    with pytest.raises(UsageError, match="CoreSet"):
        registry.plugin("CorSet", "strategy")


def test_all_is_no_name(bare_registry, good):
    assert "means every strategy" in bare_registry.register(good, "all").problem


def test_names_of_all_strategies_mean_one_each(make_plugin):
    entries = [
        Entry(name, lambda: make_plugin(alframe_info=info()), distribution)
        for name, distribution in (("a", "x"), ("b", "x"), ("a", "y"))
    ]
    registry = Registry(entry_points=entries)
    assert registry.strategy_names == ["x/a", "y/a", "b"]


def test_all_means_no_part_for_others_which_can_be_asked_for(make_plugin):
    entries = [
        Entry(name, lambda part=part: make_plugin(alframe_info=info(part=part)), distribution)
        for name, distribution, part in (("a", "x", False), ("b", "x", True), ("a", "y", True))
    ]
    registry = Registry(entry_points=entries)
    assert registry.worth_running == ["x/a"]
    assert registry.strategy_names == ["x/a", "y/a", "b"]
    assert registry.plugin("b").is_strategy


def test_names_do_not_count_those_that_are_disabled(make_plugin, monkeypatch):
    monkeypatch.setenv("ALFRAME_DISABLE_PLUGINS", "x/a")
    registry = Registry([Entry("a", lambda: make_plugin(alframe_info=info()), d) for d in ("x", "y")])
    assert registry.strategy_names == ["a"]
    assert registry.plugin("a").distribution == "y"


@pytest.fixture
def write_plugin(tmp_path):
    def write(name, body=""):
        path = tmp_path / name
        path.write_text(f"from alframe import hookimpl\n{body}\n@hookimpl\ndef alframe_score(pool): ...\n")
        return path

    return write


def test_a_file_is_a_plugin_once(bare_registry, write_plugin, monkeypatch):
    path = write_plugin("my_own.py")
    plugin = bare_registry.register_file(path)
    assert (plugin.name, plugin.key, plugin.state) == ("my-own", "local/my-own", "ready")
    assert plugin.provider == str(path)
    monkeypatch.chdir(path.parent)
    assert bare_registry.register_file(Path("my_own.py")) is plugin
    assert bare_registry.files == [path]


def test_a_file_that_was_asked_for_must_be_usable(registry, write_plugin, monkeypatch):
    with pytest.raises(PluginError, match=r"broken\.py: could not be imported: ZeroDivisionError.*line 2"):
        registry.require_file(write_plugin("broken.py", "1 / 0"))
    path = write_plugin("entropy.py")
    with pytest.raises(
        UsageError, match=r"'entropy' already \(alframe [0-9.]+\); rename the file, or .*=alframe/entr"
    ):
        registry.require_file(path)
    monkeypatch.setenv("ALFRAME_DISABLE_PLUGINS", "alframe/entropy")
    other = Registry()
    plugin = other.require_file(path)
    assert other.plugin("entropy") is plugin


def test_files_of_the_environment_are_there_too_and_a_broken_one_harms_nobody(write_plugin, monkeypatch):
    good, broken = write_plugin("good.py"), write_plugin("broken.py", "1 / 0")
    monkeypatch.setenv("ALFRAME_PLUGINS", f"{good}:{broken}:{good.parent / 'missing.py'}")
    registry = installed()
    assert registry.plugin("good").path == good
    assert [name for name, _, _ in registry.problems()] == ["broken", "missing"]


def test_one_module_is_one_plugin(bare_registry, good):
    assert bare_registry.register(good, "one", "a").state == "ready"
    assert bare_registry.register(good, "two", "b").problem == "is the same module as the plugin a/one"


def test_the_plugins_are_given_out_and_not_shared(bare_registry, good):
    before = bare_registry.plugins
    bare_registry.register(good, "mine")
    assert [plugin.name for plugin in before] == ["default"]
    assert [plugin.name for plugin in bare_registry.plugins] == ["default", "mine"]


def test_a_copy_has_the_same_plugins_but_for_one(bare_registry, good, make_plugin):
    bare_registry.register(good, "mine", "dist", "2.0")
    bare_registry.register(make_plugin(alframe_scroe=lambda pool: None), "broken")
    copy = bare_registry.copy(leave_out="dist/mine")
    assert [plugin.key for plugin in copy.plugins] == ["alframe/default", "local/broken"]
    copy.register(good, "other")
    assert "other" not in {plugin.name for plugin in bare_registry.plugins}
    assert bare_registry.copy().plugin("mine").version == "2.0"
