"""Each flag of ``run`` that stands for a key of a configuration: its key, its default, its value."""

import dataclasses
import re
import tomllib

import pytest

from alframe.contract.options import build
from alframe.contract.sections import SECTIONS
from alframe_cli.flags import keys_of
from alframe_cli.run import run

GIVEN = {  # each flag that has a key, with a value that is not the default
    "--strategy": ("margin,random", "run.strategy", ["margin", "random"]),
    "--dataset": ("mnist", "data.name", "mnist"),
    "--data-dir": ("elsewhere", "data.dir", "elsewhere"),
    "--download": (None, "data.download", True),
    "--model": ("lenet", "model.name", "lenet"),
    "--seeds": ("7-9", "run.seeds", [7, 8, 9]),
    "--initial-size": ("30", "run.initial_size", 30),
    "--initial": ("balanced", "run.initial", "balanced"),
    "--query-size": ("31", "run.query_size", 31),
    "--query-growth": ("1.5", "run.query_growth", 1.5),
    "--rounds": ("3", "run.rounds", 3),
    "--epochs": ("4", "train.epochs", 4),
    "--batch-size": ("5", "train.batch_size", 5),
    "--learning-rate": ("0.25", "train.learning_rate", 0.25),
    "--embed": ("badge", "stages.embed", "badge"),
    "--score": ("entropy", "stages.score", "entropy"),
    "--select": ("coreset", "stages.select", "coreset"),
    "--train": ("mixup", "stages.train", "mixup"),
    "--jobs": ("2", "run.jobs", 2),
    "--executor": ("ray", "run.executor", "ray"),
    "--device": ("cpu", "run.device", "cpu"),
    "--out": ("there", "run.out", "there"),
    "--log": ("csv", "run.log", ["csv"]),
}
WITHOUT_A_KEY = {
    "--preset",
    "--config",
    "--write-tasks",
    "--detach",
    "-o",
    "--plugin",
    "--print-config",
    "--dry-run",
    "--force",
    "--json",
    "--display",
    "--quiet",
    "--verbose",
}
GROUPS = 7


def as_arguments(flag):
    value = GIVEN[flag][0]
    return [flag] if value is None else [flag, value]


def field(key):
    section, _, name = key.partition(".")
    return {field.name: field for field in dataclasses.fields(SECTIONS[section])}[name]


def flags():
    return {param.opts[-1]: param for param in run.params}


@pytest.fixture
def printed(alframe, monkeypatch):
    """What ``--print-config`` says, read back."""
    monkeypatch.delenv("ALFRAME_DATA_DIR", raising=False)

    def print_(*arguments):
        outcome = alframe("run", *arguments, "--print-config")
        assert outcome.code == 0, outcome.err
        return tomllib.loads(outcome.out)

    return print_


def test_every_flag_is_named_here_with_its_key():
    keys = keys_of(run)
    with_key = {flag: keys[param.name] for flag, param in flags().items() if param.name in keys}
    assert with_key == {flag: key for flag, (_, key, _) in GIVEN.items()}
    assert flags().keys() - with_key.keys() == WITHOUT_A_KEY


@pytest.mark.parametrize("flag", GIVEN)
def test_the_help_says_what_the_option_says(flag):
    option = field(GIVEN[flag][1])
    text, _, default = flags()[flag].help.partition("  [default: ")
    assert text.rstrip(".").lower() == option.metadata["help"].rstrip(".").lower()
    if default:
        section = GIVEN[flag][1].partition(".")[0]
        read_back = build(SECTIONS[section], {option.name: default.rstrip("]")}, section)
        assert getattr(read_back, option.name) == option.default
    else:
        assert option.default in (None, False, ())


@pytest.mark.parametrize("flag", GIVEN)
def test_a_default_that_is_given_changes_nothing(printed, flag):
    default = flags()[flag].help.partition("  [default: ")[2].rstrip("]")
    if default:
        assert printed(flag, default) == printed()


@pytest.mark.parametrize("flag", GIVEN)
def test_a_value_arrives_at_its_key(printed, flag):
    _, key, value = GIVEN[flag]
    section, _, name = key.partition(".")
    assert printed().get(section, {}).get(name) != value
    assert printed(*as_arguments(flag))[section][name] == value


def test_all_flags_together_are_read_back_from_the_file_that_they_print(alframe, printed, tmp_path):
    everything = [part for flag in GIVEN for part in as_arguments(flag)]
    outcome = alframe("run", *everything, "--print-config")
    for flag, (_, key, value) in GIVEN.items():
        section, _, name = key.partition(".")
        assert tomllib.loads(outcome.out)[section][name] == value, flag
    (tmp_path / "c.toml").write_text(outcome.out)
    assert alframe("run", "--config", "c.toml", "--print-config").out == outcome.out


def test_the_help_is_in_groups_and_each_flag_in_one(alframe):
    lines = alframe("run", "--help").out.splitlines()
    headings = [line for line in lines if re.fullmatch(r"[A-Z][a-z, ]+:", line)]
    assert len(headings) == GROUPS
    described = [re.match(r"  (?:-\w, )?(--?[\w-]+)", line) for line in lines]
    named = [match[1] for match in described if match]
    assert sorted(named) == sorted([*GIVEN, *WITHOUT_A_KEY, "--help"])
    assert all(getattr(param, "group", "") for param in run.params)
