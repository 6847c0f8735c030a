import pytest

from alframe import PluginError, UsageError
from alframe.registry.listeners import listeners, require_listeners


@pytest.fixture
def ears(bare_registry, make_plugin):
    """A registry with two plugins that hear events, one that does not and a broken one."""
    for name in ("last", "first"):
        bare_registry.register(make_plugin(alframe_run_started=lambda run: None), name)
    bare_registry.register(make_plugin(alframe_score=lambda pool: pool.features.sum(1)), "deaf")
    bare_registry.register(make_plugin(alframe_run_startd=lambda run: None), "broken")
    return bare_registry


def test_who_can_be_asked_for(ears):
    assert listeners(ears) == ["first", "last"]
    assert require_listeners(ears, ("first", "local/last")) == {"local/first", "local/last"}
    assert require_listeners(ears, ()) == frozenset()
    with pytest.raises(UsageError, match="unknown plugin for --log 'frst'. Did you mean 'first'"):
        require_listeners(ears, ("frst",))
    with pytest.raises(UsageError, match="--log deaf: 'deaf' has no event hook; first, last have one"):
        require_listeners(ears, ("deaf",))
    with pytest.raises(PluginError, match="alframe_run_startd"):
        require_listeners(ears, ("broken",))


def test_who_hears_of_answers_is_another_matter(ears, make_plugin):
    ears.register(make_plugin(alframe_labelled=lambda event: None), "scribe")
    assert listeners(ears, "--notify") == ["scribe"]
    assert "scribe" not in listeners(ears)
    assert require_listeners(ears, ["scribe"], "--notify") == {"local/scribe"}
    with pytest.raises(
        UsageError, match="--notify last: 'last' has no hook alframe_labelled; scribe have one"
    ):
        require_listeners(ears, ("last",), "--notify")
    with pytest.raises(UsageError, match=r"unknown plugin for --notify 'scibe'. Did you mean 'scribe'\?$"):
        require_listeners(ears, ("scibe",), "--notify")


def test_nobody_can_be_asked_for(bare_registry):
    with pytest.raises(UsageError, match="no installed plugin has one"):
        require_listeners(bare_registry, ("default",))
