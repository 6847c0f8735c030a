"""Photographs: DomainNet's lists of files, and miniimagenet's pickled caches."""

import os
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

import alframe
from alframe import AlframeWarning, DamagedFileError, UsageError
from alframe_vision._catalogue import DOMAINNET, IMAGENET_MEAN, IMAGENET_STD

TEN = DOMAINNET["domainnet-real-10"][1]
OTHERS = ("airplane", "sink")


def write_domainnet(folder, per_class=3):
    """Photographs of one colour a class; classes are numbered as the official lists do, not from 0."""
    classes = sorted({*DOMAINNET["domainnet-real-20"][1], *OTHERS})
    for part, count in (("train", per_class), ("test", 1)):
        lines = []
        for number, name in enumerate(classes):
            for image in range(count):
                path = f"real/{name}/real_{number:03}_{part}{image}.jpg"
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (40, 30), (number * 10, 100, 50)).save(folder / path, quality=95)
                lines.append(f"{path} {number * 3}")
        (folder / f"real_{part}.txt").write_text("\n".join(lines) + "\n")
    return classes


@pytest.fixture
def domainnet(tmp_path):
    write_domainnet(tmp_path / "domainnet")
    return tmp_path


class TestDomainNet:
    @pytest.mark.parametrize(
        ("name", "classes"), [("domainnet-real", 22), ("domainnet-real-20", 20), ("domainnet-real-10", 10)]
    )
    def test_the_classes_that_the_name_says(self, domainnet, name, classes):
        data = alframe.load_dataset(name, data_dir=domainnet, size=16)
        assert data.num_classes == classes
        assert data.inputs.shape == (3 * classes, 3, 16, 16)
        assert data.inputs.dtype == torch.uint8
        assert data.targets.tolist() == [c for c in range(classes) for _ in range(3)]
        assert data.test_targets.tolist() == list(range(classes))
        kept = sorted({20: DOMAINNET["domainnet-real-20"][1], 10: TEN}.get(classes, ()))
        everything = sorted({*DOMAINNET["domainnet-real-20"][1], *OTHERS})
        red = [everything.index(name) * 10 for name in kept or everything]
        np.testing.assert_allclose(data.test_inputs[:, 0, 8, 8], red, atol=3)
        made = data.transform(data.inputs)[0, :, 8, 8]
        pixel = data.inputs[0, :, 8, 8] / 255
        np.testing.assert_allclose(
            made, (pixel - torch.tensor(IMAGENET_MEAN)) / torch.tensor(IMAGENET_STD), atol=1e-5
        )

    def test_photographs_stay_in_their_files_where_they_would_take_much(self, domainnet, monkeypatch):
        held = alframe.load_dataset("domainnet-real-10", data_dir=domainnet, size=16)
        monkeypatch.setattr("alframe.data.decoding.SHARE", 0.0)
        left = alframe.load_dataset("domainnet-real-10", data_dir=domainnet, size=16)
        for one, other in ((held.inputs, left.inputs), (held.test_inputs, left.test_inputs)):
            assert other.in_files
            assert torch.equal(one, other.index_select(0, torch.arange(len(other))))
        assert torch.equal(held.transform(held.inputs), left.transform(left.inputs))

    def test_the_subsets_are_the_published_ones(self):
        assert len(TEN) == 10
        assert len(DOMAINNET["domainnet-real-20"][1]) == 20
        assert set(TEN) < set(DOMAINNET["domainnet-real-20"][1])

    def test_the_usual_size(self, domainnet):
        assert alframe.load_dataset("domainnet-real-10", data_dir=domainnet).inputs.shape[1:] == (3, 224, 224)

    def test_photographs_on_their_side_are_turned_and_told(self, domainnet):
        path = next((domainnet / "domainnet" / "real" / "bat").glob("*train*"))
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(np.dstack([np.tile(np.linspace(0, 255, 32), (32, 1)).astype(np.uint8)] * 3)).save(
            path, quality=100, exif=exif
        )
        data = alframe.load_dataset("domainnet-real-10", data_dir=domainnet, size=32)
        assert (
            data.inputs.float().mean(dim=(1, 3))[:, -1] > 250
        ).sum() == 1  # bright below, not on the right
        assert data.notes == (
            "1 of 40 images are turned as their EXIF mark says; -o data.exif=false leaves them as stored",
        )

    def test_a_missing_and_a_truncated_image_are_named_and_counted(self, domainnet):
        first, second = sorted((domainnet / "domainnet" / "real" / "bat").glob("*train*"))[:2]
        first.unlink()
        second.write_bytes(second.read_bytes()[:200])
        with pytest.raises(
            UsageError,
            match=f"2 of 30 images can't be decoded: real/bat/{first.name}, .*-o data.bad_images=skip",
        ):
            alframe.load_dataset("domainnet-real-10", data_dir=domainnet, size=8)
        with pytest.warns(AlframeWarning, match="2 of 30 images"):
            data = alframe.load_dataset("domainnet-real-10", data_dir=domainnet, size=8, bad_images="skip")
        assert data.targets.bincount().tolist() == [1] + [3] * 9

    @pytest.mark.parametrize("part", ["train", "test"])
    @pytest.mark.parametrize("download", [False, True])
    def test_a_missing_list_is_named(self, domainnet, part, download):
        (domainnet / "domainnet" / f"real_{part}.txt").unlink()
        with pytest.raises(UsageError, match=f"there is no real_{part}.txt in .*domainnet.*--download can't"):
            alframe.load_dataset("domainnet-real", data_dir=domainnet, download=download)

    @pytest.mark.parametrize(
        "line", ["real/bat/1.jpg", "1.jpg 3", "real/bat/1.jpg three", "real/bat/1.jpg -1"]
    )
    def test_a_malformed_line_is_named(self, domainnet, line):
        path = domainnet / "domainnet" / "real_train.txt"
        path.write_text(f"\nreal/bat/2.jpg 6\n{line}\n")
        with pytest.raises(UsageError, match="line 3 of .*real_train.txt is no path and class number"):
            alframe.load_dataset("domainnet-real", data_dir=domainnet)

    def test_a_class_that_is_not_listed_is_named(self, domainnet):
        path = domainnet / "domainnet" / "real_train.txt"
        path.write_text("".join(f"{x}\n" for x in path.read_text().splitlines() if "/cat/" not in x))
        with pytest.raises(UsageError, match="lists no images of cat"):
            alframe.load_dataset("domainnet-real-10", data_dir=domainnet, size=8)
        with pytest.raises(UsageError, match="has classes that real_train.txt lacks"):
            alframe.load_dataset("domainnet-real", data_dir=domainnet, size=8)

    def test_end_to_end(self, domainnet):
        data = alframe.load_dataset("domainnet-real-10", data_dir=domainnet, size=32)
        learner = alframe.ActiveLearner(data.hide_labels(), "resnet18", "margin", device="cpu")
        learner.recipe = alframe.Recipe(epochs=1, augment=("flip",))
        for _ in range(2):
            picks = learner.ask(5)
            learner.tell(picks, data.targets[picks])
            learner.fit()
        assert 0 <= learner.evaluate().accuracy <= 1


def write_mini(folder, per_class=10):
    """Ten classes over three files; the pixel tells class and position."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    for part, count in (("train", 6), ("val", 2), ("test", 2)):
        images = np.zeros((count * per_class, 84, 84, 3), np.uint8)
        rows = np.random.default_rng(number).permutation(len(images))
        classes = {}
        for _ in range(count):
            mine, rows = rows[:per_class], rows[per_class:]
            for position, row in enumerate(mine):
                images[row, :, :, 0], images[row, :, :, 1] = number, position
            classes[f"n{number:04}"] = mine.tolist()
            number += 1
        with (folder / f"mini-imagenet-cache-{part}.pkl").open("wb") as file:
            pickle.dump({"image_data": images, "class_dict": classes}, file, protocol=2)


@pytest.fixture
def mini(tmp_path):
    write_mini(tmp_path / "miniimagenet")
    return tmp_path


class TestMiniImageNet:
    def test_the_first_fifth_of_each_class_is_the_test_part(self, mini):
        data = alframe.load_dataset("miniimagenet", data_dir=mini)
        assert data.inputs.shape == (80, 3, 84, 84)
        assert data.test_inputs.shape == (20, 3, 84, 84)
        assert data.num_classes == 100
        for inputs, targets, positions in (
            (data.inputs, data.targets, range(2, 10)),
            (data.test_inputs, data.test_targets, range(2)),
        ):
            assert torch.equal(inputs[:, 0, 0, 0].long(), targets)
            for label in range(10):
                assert inputs[targets == label][:, 1, 5, 5].tolist() == list(positions)

    @pytest.mark.parametrize("part", ["train", "val", "test"])
    @pytest.mark.parametrize("download", [False, True])
    def test_a_missing_file_is_named_with_what_to_do(self, mini, part, download):
        (mini / "miniimagenet" / f"mini-imagenet-cache-{part}.pkl").unlink()
        with pytest.raises(
            UsageError,
            match=f"there is no mini-imagenet-cache-{part}.pkl in .*put the three .*imagefolder:PATH",
        ):
            alframe.load_dataset("miniimagenet", data_dir=mini, download=download)

    @pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
    def test_a_truncated_file_is_one_line(self, mini, share):
        path = mini / "miniimagenet" / "mini-imagenet-cache-val.pkl"
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(DamagedFileError, match="miniimagenet can't be read from") as caught:
            alframe.load_dataset("miniimagenet", data_dir=mini)
        assert "\n" not in str(caught.value)

    def test_a_pickle_that_would_run_a_command_is_refused(self, mini, tmp_path):
        class Attack:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / "harmed"),)

        path = mini / "miniimagenet" / "mini-imagenet-cache-test.pkl"
        path.write_bytes(pickle.dumps({"image_data": Attack(), "class_dict": {}}))
        with pytest.raises(UsageError, match="names posix.mkdir; arrays and plain containers alone"):
            alframe.load_dataset("miniimagenet", data_dir=mini)
        assert not (tmp_path / "harmed").exists()

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ({"image_data": np.zeros((1, 84, 84, 3), np.uint8)}, "a file has no 'class_dict'"),
            (
                {"image_data": np.zeros((1, 84, 84, 3), np.uint8), "class_dict": {"n0001": [0]}},
                "the same class",
            ),
            ({"image_data": np.zeros((1, 84, 84, 3), np.uint8), "class_dict": {"m": [7]}}, "out of"),
        ],
    )
    def test_what_does_not_fit_together(self, mini, content, message):
        path = mini / "miniimagenet" / "mini-imagenet-cache-test.pkl"
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(UsageError, match=f"miniimagenet can't be read from .*{message}"):
            alframe.load_dataset("miniimagenet", data_dir=mini)
