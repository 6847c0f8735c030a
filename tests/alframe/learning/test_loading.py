import dataclasses
import sys
import zipfile

import pytest
import torch

import alframe
from alframe.learning.loading import build_model


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

    @pytest.mark.parametrize(
        ("error", "kind", "message"),
        [
            (zipfile.BadZipFile("bad magic"), alframe.DamagedFileError, "f.zip is damaged or not what it is"),
            (EOFError(), alframe.DamagedFileError, "f.zip is damaged or not .*: EOFError "),
            (
                FileNotFoundError(2, "No such file", "f.zip"),
                alframe.UsageError,
                "f.zip can't be read: No such",
            ),
            (IsADirectoryError(21, "Is a directory", b"f"), alframe.UsageError, "f can't be read: Is a dir"),
            (OSError(5, "Input/output error"), alframe.TrialError, "Input/output error"),
            (MemoryError(), alframe.TrialError, "out of memory"),
            (ValueError("too few"), alframe.PluginError, "raised ValueError: too few"),
            (FileNotFoundError("of its own"), alframe.TrialError, "of its own"),
        ],
    )
    def test_a_missing_a_damaged_file_and_a_bug_are_told_apart(
        self, bare_registry, make_plugin, error, kind, message
    ):
        def load(request):
            raise error

        offers = {"mine": alframe.DatasetInfo(summary="", load=load, location="FILE")}
        bare_registry.register(make_plugin(alframe_datasets=lambda: offers), "theirs", "their-package")
        with pytest.raises(kind, match=message) as caught:
            alframe.load_dataset("mine:f.zip", registry=bare_registry)
        assert type(caught.value) is kind or kind is alframe.PluginError
        assert "'mine'" in str(caught.value)


def test_a_damaged_file_of_a_networks_options_is_named(tmp_path, bare_registry, make_plugin, toy):
    @dataclasses.dataclass(frozen=True)
    class Options:
        weights: str = alframe.option("", "file of weights")

    def build(request):
        return torch.load(request.options.weights, weights_only=True)

    (tmp_path / "w.pt").write_bytes(b"x" * 99)
    offers = {"net": alframe.ModelInfo(summary="", build=build, options=Options)}
    bare_registry.register(make_plugin(alframe_models=lambda: offers), "theirs")
    with pytest.raises(alframe.DamagedFileError, match="model 'net': .*w.pt is damaged or not what"):
        build_model(bare_registry, "net", toy, {"weights": str(tmp_path / "w.pt")}, 0)


def test_images_that_are_bytes_yet_are_no_texts(bare_registry, make_plugin):
    """Before a test part is split off nothing has been learned that makes numbers of them."""
    images = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    data = alframe.Dataset("photos", images, torch.tensor([0, 1, 1, 0]), 2, fit=alframe.Normalize.of)

    def build(request):
        return alframe.Classifier(torch.nn.Flatten(), torch.nn.Linear(64, request.num_classes))

    offers = {"net": alframe.ModelInfo(summary="", build=build)}
    bare_registry.register(make_plugin(alframe_models=lambda: offers), "theirs", "their-package")
    assert build_model(bare_registry, "net", data, {}, seed=0).head.in_features == 64
