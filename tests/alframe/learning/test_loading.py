import sys

import pytest
import torch

import alframe


def test_a_data_set_without_a_test_part_is_split_by_the_seed():
    first, again, other = (alframe.load_dataset("digits", seed=seed) for seed in (0, 0, 1))
    assert len(first) == 1438
    assert len(first.test_inputs) == 359
    assert torch.equal(first.inputs, again.inputs)
    assert not torch.equal(first.inputs, other.inputs)
    assert len(alframe.load_dataset("digits", test_fraction=0.5)) == 899


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("digit", {}, "Did you mean 'digits'"),
        ("digits:x", {}, "data set 'digits' takes nothing after a colon, got 'digits:x'"),
        ("digits", {"colour": 1}, "unknown option of 'data' 'colour'"),
        ("digits", {"test_fraction": 1.5}, "between 0 and 1"),
    ],
)
def test_mistakes_are_named(name, options, message):
    with pytest.raises(alframe.UsageError, match=message):
        alframe.load_dataset(name, **options)


class TestAPlugin:
    """What it loads, or fails to."""

    @pytest.fixture
    def load(self, bare_registry, make_plugin):
        def load(function):
            offers = {"mine": alframe.DatasetInfo(summary="", load=function)}
            bare_registry.register(make_plugin(alframe_datasets=lambda: offers), "theirs", "their-package")
            return alframe.load_dataset("mine", registry=bare_registry)

        return load

    @pytest.mark.parametrize(
        ("function", "message"),
        [
            (lambda request: {}["samples"], "raised KeyError: 'samples'"),
            (lambda request: sys.exit(0), "raised SystemExit: 0"),
            (lambda request: None, ": wanted an alframe.Dataset, got None"),
        ],
    )
    def test_that_fails_is_named(self, load, function, message):
        with pytest.raises(
            alframe.PluginError, match=r"^plugin 'theirs' \(their-package\), data set 'mine' ?" + message
        ):
            load(function)

    def test_that_says_what_is_missing_is_heard(self, load):
        def missing(request):
            raise alframe.UsageError("mine is not in data")

        with pytest.raises(alframe.UsageError, match="^mine is not in data$"):
            load(missing)
