import json

import pytest

from alframe import PluginInfo, TrainResult
from alframe.registry.registry import installed


def sums(pool):
    return pool.features.sum(dim=1)


def thirds(pool):
    return pool.probs.topk(3, dim=1).values[:, 2]


def info(**fields):
    return lambda: PluginInfo(summary="mine", **fields)


@pytest.fixture
def mine(make_plugin):
    """Installs a plugin under the name ``mine``."""

    def install(**hooks):
        installed().register(make_plugin(**{"alframe_info": info()} | hooks), "mine")

    return install


def test_a_plugin_that_passes(alframe, mine):
    mine(alframe_score=sums)
    outcome = alframe("check", "mine")
    assert outcome.code == 0
    assert "budget_of_one" in outcome.out
    assert outcome.out.rstrip().endswith("mine: 34 passed, 2 skipped")
    assert outcome.err.splitlines()[0] == "1/36 imports_without_torch: skipped"


def test_a_plugin_that_fails_a_check(alframe, mine):
    mine(alframe_score=thirds)
    outcome = alframe("check", "mine", "-q")
    assert outcome.code == 1
    assert outcome.err == ""
    assert "two_classes failed: There may be two classes only.\n" in outcome.out
    assert "1 failed" in outcome.out.splitlines()[-1]


def test_as_json(alframe, mine):
    mine(alframe_score=thirds, alframe_info=info(expected_failures={"two_classes": "looks at a third"}))
    outcome = alframe("check", "mine", "--json", "-q")
    assert outcome.code == 0
    document = json.loads(outcome.out)
    assert document["plugin"] == "mine"
    (found,) = [check for check in document["checks"] if check["check"] == "two_classes"]
    assert found["verdict"] == "expected failure"
    assert found["reason"] == "looks at a third"
    assert found["demand"] == "There may be two classes only."


def test_an_expected_failure_that_passes_is_a_failure(alframe, mine):
    mine(alframe_score=sums, alframe_info=info(expected_failures={"two_classes": "looked at a third"}))
    outcome = alframe("check", "mine", "-q")
    assert outcome.code == 1
    assert "passes, but is expected to fail (looked at a third): take that back" in outcome.out


def test_options_of_plugins(alframe):
    """Without dropout the rows' order does not matter, and what is expected to fail passes."""
    flags = ("-o", "coregcn.dropout=0", "-o", "coregcn.steps=5", "-q")
    outcome = alframe("check", "coregcn", *flags)
    assert outcome.code == 1
    assert "follows_the_rows failed" in outcome.out


def test_scale_is_reported(alframe, mine):
    mine(alframe_train=lambda model: TrainResult(1, 1.0, 0.0))
    assert "scale" not in alframe("check", "mine", "-q", "--scale").out  # it has no query
    assert "500 of 20,000 x 128: " in alframe("check", "margin", "-q", "--scale").out


def test_a_plugin_that_is_a_file(alframe, tmp_path):
    file = tmp_path / "unsure.py"
    file.write_text(
        "from alframe import hookimpl\n\n@hookimpl\ndef alframe_score(pool):\n"
        "    return 1 - pool.probs.max(dim=1).values\n"
    )
    outcome = alframe("check", "--plugin", str(file), "unsure", "-q")
    assert outcome.code == 1
    assert "has_summaries failed" in outcome.out
    assert outcome.out.rstrip().endswith("unsure: 35 passed, 1 failed")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("margni",), "unknown plugin 'margni'. Did you mean 'margin'?"),
        (("digits",), "'digits' is a data set of the plugin 'sklearn'; plugins are checked"),
        (("margin", "-o", "margin.power=2"), "unknown option of 'margin' 'power'"),
        (("margin", "-o", "margni.power=2"), "unknown plugin 'margni'"),
    ],
)
def test_what_is_unknown(alframe, arguments, message):
    outcome = alframe("check", *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.out == ""


def test_what_a_plugin_prints_does_not_spoil_the_json(alframe, mine):
    def chatty(pool):
        print("scoring")
        return sums(pool)

    mine(alframe_score=chatty)
    assert json.loads(alframe("check", "mine", "--json").out)["plugin"] == "mine"


def test_a_broken_plugin_ends_with_3(alframe, mine):
    mine(alframe_scroe=sums)
    outcome = alframe("check", "mine")
    assert outcome.code == 3
    assert outcome.err.startswith("error: plugin 'mine' (local): ")


def test_a_plugin_that_exits_fails_and_does_not_end_the_kit(alframe, mine):
    def exits(pool):
        raise SystemExit(0)

    mine(alframe_score=exits)
    outcome = alframe("check", "mine", "-q")
    assert outcome.code == 1
    assert "alframe_score raised SystemExit: 0" in outcome.out


def test_an_interrupt_says_in_which_check(alframe, mine):
    def interrupts(run, record):
        raise KeyboardInterrupt

    mine(alframe_round_finished=interrupts)
    outcome = alframe("check", "mine", "-q")
    assert outcome.code == 130
    assert outcome.err == "interrupted; in the check hears_every_event\n"


def test_an_expectation_of_no_check(alframe, mine):
    mine(alframe_score=sums, alframe_info=info(expected_failures={"two_clases": "x"}))
    outcome = alframe("check", "mine")
    assert outcome.code == 2
    assert "unknown check in expected_failures 'two_clases'. Did you mean 'two_classes'?" in outcome.err
