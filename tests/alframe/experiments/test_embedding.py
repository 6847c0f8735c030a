"""Features in files are those that a run computes."""

import numpy as np
import pytest
import torch
from PIL import Image

import alframe
from alframe import TrialError, UsageError
from alframe.data.ids import RowNames
from alframe.data.shards import open_shards
from alframe.experiments.embedding import embed, job_of
from alframe.registry.registry import installed


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    for part, count in (("train", 30), ("test", 4)):
        for label in ("cat", "dog"):
            folder = tmp_path / "photos" / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number:02}.jpg")
    return tmp_path / "photos"


def embedded(name, out, model="mlp", sections=None, force=False, **given):
    told = []
    job = job_of(installed(), name, model, sections or {}, **{"dtype": "float32", "device": "cpu"} | given)
    result = embed(job, out, lambda *numbers: told.append(numbers), force=force)
    return result, open_shards(out).between(0, 10**9), told


@pytest.mark.parametrize("model", ["mlp", "resnet18-cifar"])
def test_images_as_a_run_computes_them(photos, tmp_path, model):
    data = alframe.load_dataset(f"imagefolder:{photos}", size=16)
    learner = alframe.ActiveLearner(
        data.hide_labels(),
        model,
        "margin",
        stages={"train": "linear-probe"},
        device="cpu",
    )
    result, found, told = embedded(
        f"imagefolder:{photos}", tmp_path / "f", model, {"data": {"size": 16}}, part_rows=1024, labels=True
    )
    assert torch.equal(learner.features(), torch.from_numpy(found))
    assert np.load(tmp_path / "f" / "targets.npy").tolist() == data.targets.tolist()
    assert (result.rows, result.columns, result.parts, result.made) == (60, found.shape[1], 1, 1)
    assert told == [("look", 60, 60), ("look", 8, 8), ("embed", 60, 60)]
    names = RowNames(tmp_path / "f" / "ids.txt", 60).of([0, 59])
    assert names == ["train/cat/00.jpg", "train/dog/29.jpg"]


def test_half_precision_parts_and_the_test_part(photos, tmp_path):
    name = f"imagefolder:{photos}"
    _, whole, _ = embedded(name, tmp_path / "a")
    result, halves, _ = embedded(name, tmp_path / "b", part_rows=7, batch_size=4, dtype="float16")
    assert halves.dtype == np.float16
    np.testing.assert_allclose(halves, whole, rtol=1e-3, atol=1e-3)
    assert result.parts == 9
    _, test, _ = embedded(name, tmp_path / "c", split="test")
    assert len(test) == 8
    assert RowNames(tmp_path / "c" / "ids.txt", 8).of([0]) == ["test/cat/00.jpg"]


def test_numbers_have_no_names(tmp_path):
    _, found, told = embedded("digits", tmp_path / "f", part_rows=500)
    assert len(found) == 1797
    assert not (tmp_path / "f" / "ids.txt").exists()
    assert told[-1] == ("embed", 1797, 1797)
    job = job_of(installed(), "digits", "mlp", {}, split="test")
    with pytest.raises(UsageError, match="no test part of its own: --split train is all of its samples"):
        embed(job, tmp_path / "g", print)
    assert not (tmp_path / "g").exists()


class Ended(BaseException):
    pass


def test_it_goes_on_after_the_last_whole_part(photos, tmp_path):
    name, out = f"imagefolder:{photos}", tmp_path / "f"
    _, wanted, _ = embedded(name, tmp_path / "whole", part_rows=16)

    def end(stage, done, total):
        if stage == "embed" and done > 40:
            raise Ended

    job = job_of(installed(), name, "mlp", {}, part_rows=16, dtype="float32", device="cpu")
    with pytest.raises(Ended):
        embed(job, out, end)
    with pytest.raises(UsageError, match="is not finished: it has 32 of 60 rows"):
        open_shards(out)
    result, found, told = embedded(name, out, part_rows=16)
    assert result.made == 2
    assert told[0] == ("embed", 48, 60)  # what was seen in the images is kept
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seed": 1}, "weights"),
        ({"model": "linear"}, "network mlp instead of linear"),
        ({"sections": {"model": {"hidden": 7}}}, "network"),
        ({"sections": {"data": {"size": 9}}}, "other data"),
        ({"dtype": "float16"}, "dtype float32 instead of float16"),
        ({"split": "test"}, "rows 60 instead of 8; other data"),
    ],
)
def test_other_features_are_not_mixed(photos, tmp_path, given, message):
    name = f"imagefolder:{photos}"
    embedded(name, tmp_path / "f")
    with pytest.raises(UsageError, match=message):
        embedded(name, tmp_path / "f", **given)
    embedded(name, tmp_path / "f", force=True, **given)


def test_another_photograph_is_other_data(photos, tmp_path):
    name = f"imagefolder:{photos}"
    embedded(name, tmp_path / "f")
    photos = photos.rename(tmp_path / "moved")
    assert embedded(f"imagefolder:{photos}", tmp_path / "f")[0].made == 0
    Image.new("RGB", (20, 20)).save(photos / "train" / "cat" / "07.jpg")
    with pytest.raises(UsageError, match="other data; "):
        embedded(f"imagefolder:{photos}", tmp_path / "f")


def test_numbers_that_files_cannot_hold(tmp_path):
    x = np.ones((6, 2), np.float32)
    x[3] = 1e5
    np.savez(tmp_path / "x.npz", x_train=x, y_train=np.arange(6) % 2)
    name = f"npz:{tmp_path / 'x.npz'}"
    with pytest.raises(UsageError, match="features of row 3 reach 1e[+]05, .*--dtype float32"):
        embedded(name, tmp_path / "f", "linear", dtype="float16")
    assert np.array_equal(embedded(name, tmp_path / "f", "linear", force=True)[1], x)


def test_a_device_without_memory(photos, tmp_path, monkeypatch):
    def features(self, inputs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(alframe.Classifier, "features", features)
    with pytest.raises(TrialError, match="--batch-size"):
        embedded(f"imagefolder:{photos}", tmp_path / "f")


def test_what_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="unknown section 'train'"):
        job_of(installed(), "digits", "mlp", {"train": {}})
    with pytest.raises(UsageError, match="unknown model 'mpl'"):
        job_of(installed(), "digits", "mpl", {})
    with pytest.raises(UsageError, match="unknown split 'val'"):
        embed(job_of(installed(), "digits", "mlp", {}, split="val"), tmp_path, print)
