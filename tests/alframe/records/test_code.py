import pytest

from alframe.records.code import code_of

PLUGINS = {"alframe/margin": {"version": "1", "code": None, "file": "a.py"}}
EARLIER = [{"rounds": 2, "plugins": PLUGINS}]


def test_what_alframe_writes_is_kept():
    assert code_of({"python": "3", "plugins": PLUGINS}) == {"plugins": PLUGINS}
    assert code_of({"plugins": PLUGINS, "earlier": EARLIER}) == {"plugins": PLUGINS, "earlier": EARLIER}


STRANGE = [
    None,
    True,
    7,
    1.5,
    "text",
    [],
    [1, "a", None],
    {},
    {"a": 1},
    {"a": [1]},
    {"a": {"code": {"b": []}}},
]


@pytest.mark.parametrize("value", STRANGE)
def test_whatever_else_stands_there(value):
    assert all(isinstance(facts, dict) for facts in code_of({"plugins": value})["plugins"].values())
    assert "earlier" not in code_of({"earlier": value})
    (kept,) = code_of({"earlier": [{"rounds": 1, "plugins": value}, value]})["earlier"]
    assert all(
        fact is None or isinstance(fact, str) for facts in kept["plugins"].values() for fact in facts.values()
    )
