import os
import unicodedata

import numpy as np
import pytest
import torch
from PIL import Image

import alframe
from alframe import AlframeWarning, UsageError


def write(path, value, mode="RGB", size=(20, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).convert(mode).save(path)


@pytest.fixture
def folder(tmp_path):
    """Two classes: dark cats and bright dogs, in every mode that files have."""
    for number, mode in enumerate(("RGB", "L", "P", "RGBA", "1")):
        write(tmp_path / "train" / "cat" / f"{number}.png", 0, mode)
        write(tmp_path / "train" / "dog" / "deeper" / f"{number}.png", 255, mode)
    write(tmp_path / "train" / "dog" / "print.jpg", 255, "CMYK")
    write(tmp_path / "test" / "dog" / "x.JPG", 255)
    (tmp_path / "train" / "cat" / "notes.txt").write_text("no image")
    return tmp_path


def test_train_and_test(folder):
    data = alframe.load_dataset(f"imagefolder:{folder}", size=8)
    assert data.inputs.shape == (11, 3, 8, 8)
    assert data.targets.tolist() == [0] * 5 + [1] * 6
    assert data.test_targets.tolist() == [1]
    assert data.inputs.dtype == torch.uint8
    made = data.transform(data.inputs)
    assert made.mean().abs() < 1e-5
    means = made.mean(dim=(1, 2, 3))
    assert means[:5].max() < 0 < means[5:].min()  # whatever the mode, dark is dark
    np.testing.assert_allclose(data.transform(data.test_inputs).mean(), means[5:].mean(), atol=1e-2)


def test_without_a_test_part_one_is_split_off(folder):
    data = alframe.load_dataset(f"imagefolder:{folder / 'train'}", test_fraction=0.25)
    assert data.inputs.shape == (8, 3, 32, 32)
    assert len(data.test_inputs) == 3


def test_images_that_cannot_be_decoded_are_named_and_counted(folder):
    bad = folder / "train" / "cat" / "bad.png"
    bad.write_bytes(b"no image")
    whole = folder / "train" / "dog" / "print.jpg"
    whole.write_bytes(whole.read_bytes()[:300])
    with pytest.raises(
        UsageError,
        match=r"train: 2 of 12 images can't be decoded: cat/bad.png, dog/print.jpg. "
        r"Remove them, or leave them out by -o data.bad_images=skip$",
    ):
        alframe.load_dataset(f"imagefolder:{folder}")
    with pytest.warns(AlframeWarning, match="2 of 12 images .* they are left out"):
        assert len(alframe.load_dataset(f"imagefolder:{folder}", bad_images="skip")) == 10


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda folder: write(folder / "test" / "bird" / "1.png", 9),
            "classes that the training part lacks: bird",
        ),
        (
            lambda folder: (folder / "test" / "dog" / "x.JPG").unlink(),
            "there are no images in the folders of",
        ),
    ],
)
def test_folders_that_cannot_be_used(folder, spoil, message):
    spoil(folder)
    with pytest.raises(UsageError, match=message):
        alframe.load_dataset(f"imagefolder:{folder}")


def test_no_folder_and_no_classes(tmp_path):
    with pytest.raises(UsageError, match="there is no folder"):
        alframe.load_dataset(f"imagefolder:{tmp_path / 'nowhere'}")
    with pytest.raises(UsageError, match="at least 2 classes, it has 0"):
        alframe.load_dataset(f"imagefolder:{tmp_path}")


def test_a_size_that_is_none(folder):
    with pytest.raises(UsageError, match="size must be at least 1"):
        alframe.load_dataset(f"imagefolder:{folder}", size=0)


@pytest.fixture
def load(tmp_path):
    """Loads a folder of images, each given as ``path/name`` and its brightness, and tells data and notes."""

    def load(files, inside="", **options):
        for path, value in files.items():
            write(tmp_path / path, value, size=(4, 4))
        data = alframe.load_dataset(f"imagefolder:{tmp_path / inside}", size=2, **options)
        return data, [note.replace(str(tmp_path), "PATH") for note in data.notes]

    return load


def values(inputs):
    return inputs.amax((1, 2, 3)).tolist()


TRAIN = {"train/cat/1.png": 1, "train/dog/2.png": 2}
VAL = {"val/cat/3.png": 3, "val/dog/4.png": 4}
TEST = {"test/cat/5.png": 5, "test/dog/6.png": 6}


class TestParts:
    @pytest.mark.parametrize("train", ["train", "Train", "training"])
    @pytest.mark.parametrize("val", ["val", "valid", "Validation", "dev"])
    def test_the_validation_part_is_tested_on_where_no_other_is(self, load, train, val):
        files = {
            f"{train}/cat/1.png": 1,
            f"{train}/dog/2.png": 2,
            f"{val}/dog/4.png": 4,
            f"{val}/dog/5.png": 5,
        }
        data, notes = load(files)
        assert (values(data.inputs), data.targets.tolist(), data.num_classes) == ([1, 2], [0, 1], 2)
        assert (values(data.test_inputs), data.test_targets.tolist()) == ([4, 5], [1, 1])
        assert notes == [
            f"PATH/{val} (2 images) is the test part, for there is no folder test; -o data.val=train adds it "
            "to the training part, ignore leaves it out"
        ]

    @pytest.mark.parametrize(
        ("files", "val", "train", "test", "note"),
        [
            (TRAIN | TEST, "guess", [1, 2], [5, 6], None),
            (
                TRAIN | VAL | TEST,
                "guess",
                [1, 2],
                [5, 6],
                "PATH/val (2 images) is left out, for there is a f",
            ),
            (TRAIN | VAL | TEST, "ignore", [1, 2], [5, 6], None),
            (TRAIN | VAL | TEST, "train", [1, 2, 3, 4], [5, 6], None),
            (
                TRAIN | VAL | TEST,
                "test",
                [1, 2],
                [3, 4],
                "PATH/test is left out, for data.val=test makes val",
            ),
            (TRAIN | VAL, "test", [1, 2], [3, 4], None),
        ],
    )
    def test_what_the_validation_part_is(self, load, files, val, train, test, note):
        data, notes = load(files, val=val)
        assert (values(data.inputs), values(data.test_inputs)) == (train, test)
        assert data.targets.tolist() == [0, 1] * (len(train) // 2)
        assert [text.startswith(note) for text in notes] == ([True] if note else [])

    @pytest.mark.parametrize(
        ("files", "val"), [(TRAIN | VAL, "train"), (TRAIN | VAL, "ignore"), (TRAIN, "guess")]
    )
    def test_without_one_to_test_on_it_is_split_off(self, load, files, val):
        data, _ = load(files, val=val, test_fraction=0.5)
        assert (
            sorted(values(data.inputs) + values(data.test_inputs))
            == [1, 2, 3, 4][: 4 if val == "train" else 2]
        )

    @pytest.mark.parametrize("files", [TRAIN, TRAIN | TEST, TRAIN | TEST | {"val/1.png": 1}])
    def test_a_validation_part_that_is_not_there(self, load, files):
        with pytest.raises(UsageError, match="has no folder val with classes: leave data.val out"):
            load(files, val="train")

    def test_a_test_part_without_classes_has_no_labels(self, load):
        data, notes = load(TRAIN | VAL | {"test/7.png": 7, "test/8.png": 8})
        assert values(data.test_inputs) == [3, 4]
        assert notes[0] == "PATH/test is left out: it holds images but no folders of classes"

    def test_two_folders_for_one_part(self, load):
        with pytest.raises(UsageError, match="has Val and valid, which both mean the val part; rename one"):
            load(TRAIN | {"Val/cat/1.png": 1, "valid/cat/2.png": 2})

    def test_no_part_to_train_on(self, load):
        with pytest.raises(UsageError, match="has test and val but no folder train; -o data.layout=classes"):
            load(TEST | VAL)
        assert load({}, layout="classes", test_fraction=0.5)[0].num_classes == 2
        with pytest.raises(UsageError, match="no folder train, which -o data.layout=parts needs"):
            load({}, layout="parts")

    def test_a_class_called_train(self, load):
        """Its images lie in it, and not in folders of classes."""
        data, notes = load({"train/1.png": 1, "test/2.png": 2, "plane/3.png": 3}, test_fraction=0.3)
        assert (data.num_classes, notes) == (3, [])

    def test_a_class_called_train_that_has_folders(self, load):
        files = {"train/steam/1.png": 1, "train/diesel/2.png": 2, "plane/3.png": 3}
        data, notes = load(files, test_fraction=0.4)
        assert data.num_classes == 2
        assert notes == [
            "PATH: train is taken as a class, as plane beside it; -o data.layout=parts takes it as the "
            "training part"
        ]
        data, notes = load({}, layout="parts", test_fraction=0.5)
        assert sorted(values(data.inputs) + values(data.test_inputs)) == [1, 2]
        assert notes[0].startswith("PATH: beside the parts, plane are left out; -o data.layout=classes takes")

    @pytest.mark.parametrize("path", ["archive", "archive/deeper"])
    def test_a_folder_around_the_data_set(self, load, path):
        data, notes = load({f"{path}/{file}": value for file, value in (TRAIN | TEST).items()})
        assert (values(data.inputs), values(data.test_inputs)) == ([1, 2], [5, 6])
        assert notes == [f"PATH: the classes are those of {path}, the only folder in it"]

    def test_a_folder_around_one_class_is_a_class(self, load):
        with pytest.raises(UsageError, match="at least 2 classes, it has 1 with images: cats"):
            load({"cats/young/1.png": 1})

    def test_a_class_in_other_case(self, load):
        with pytest.raises(
            UsageError, match=r"test has classes that the training part lacks: Dog \(it has dog\)"
        ):
            load(TRAIN | {"test/Dog/1.png": 1})

    def test_the_name_of_the_folder_one_is_in(self, load, tmp_path, monkeypatch):
        load(TRAIN | TEST)
        monkeypatch.chdir(tmp_path)
        assert alframe.load_dataset("imagefolder:.").name == tmp_path.name


class TestRemnants:
    """What systems, programs and archives leave in folders is neither class nor image."""

    def test_hidden_folders_and_files(self, load, tmp_path):
        for name in ("__MACOSX", "@eaDir", ".git", "$RECYCLE.BIN"):
            (tmp_path / name / "cat").mkdir(parents=True)
            (tmp_path / name / "cat" / "._1.png").write_bytes(b"no image")
        (tmp_path / "cat").mkdir()
        for name in ("._1.png", ".DS_Store", "Thumbs.db", "desktop.ini"):
            (tmp_path / "cat" / name).write_bytes(b"no image")
        files = {
            ".ipynb_checkpoints/9.png": 9,
            "cat/1.png": 1,
            "dog/2.png": 2,
            "cat/.ipynb_checkpoints/8.png": 8,
        }
        data, notes = load(files, test_fraction=0.5)
        assert data.num_classes == 2
        assert sorted(values(data.inputs) + values(data.test_inputs)) == [1, 2]
        assert notes == [
            "PATH: hidden folders with images are left out: .ipynb_checkpoints (1), "
            "cat/.ipynb_checkpoints (1)"
        ]

    def test_empty_folders_loose_images_and_other_files(self, load, tmp_path):
        (tmp_path / "bird" / "deeper").mkdir(parents=True)
        files = {"cat/1.png": 1, "dog/2.PNG": 2, "loose.png": 3, "cat/4.gif": 4, "dog/5.GIF": 5}
        for name in ("labels.txt", "README"):
            (tmp_path / name).write_text("")
        data, notes = load(files, test_fraction=0.5)
        (tmp_path / "cat" / "README").write_text("")
        assert load({}, test_fraction=0.5)[1][-1].endswith(".gif 2, README 1")
        assert data.num_classes == 2
        assert notes == [
            "PATH: folders without images are no classes: bird",
            "PATH: images outside of the folders of classes are left out: loose.png",
            "PATH: files with suffixes of no image are left out: .gif 2",
        ]

    def test_a_class_that_only_the_test_part_has_images_of(self, load, tmp_path):
        (tmp_path / "train" / "bird").mkdir(parents=True)
        with pytest.raises(UsageError, match="classes that the training part lacks: bird"):
            load(TRAIN | {"test/bird/1.png": 1})

    def test_classes_are_ordered_by_characters_and_composed(self, load):
        apart, composed = unicodedata.normalize("NFD", "\u00e9l\u00e8ve"), "\u00e9l\u00e8ve"
        files = {f"train/{name}/1.png": value for value, name in enumerate(("a", "Z", "b", apart))}
        data, notes = load(files | {f"test/{composed}/1.png": 9})
        assert dict(zip(values(data.inputs), data.targets.tolist(), strict=True)) == {1: 0, 0: 1, 2: 2, 3: 3}
        assert data.test_targets.tolist() == [3]
        assert notes == []

    def test_classes_that_differ_in_case_alone_are_told(self, load):
        assert load({"Cat/1.png": 1, "cat/2.png": 2}, test_fraction=0.5)[1] == [
            "PATH: classes that differ in case alone: Cat, cat"
        ]


def test_a_name_of_no_encoding_can_be_written_down(load, tmp_path):
    (tmp_path / os.fsdecode(b"b\xffrd")).mkdir()
    assert load({"cat/1.png": 1, "dog/2.png": 2}, test_fraction=0.5)[1] == [
        "PATH: folders without images are no classes: b?rd"
    ]


class TestLinks:
    def test_links_to_images_and_folders_at_any_depth(self, load, tmp_path):
        write(tmp_path / "store" / "deep" / "5.png", 5, size=(4, 4))
        for path in ("set/cat/more", "set/dog/more"):
            (tmp_path / path).mkdir(parents=True)
        (tmp_path / "set" / "cat" / "more" / "linked").symlink_to(tmp_path / "store")
        (tmp_path / "set" / "dog" / "more" / "6.png").symlink_to(tmp_path / "store" / "deep" / "5.png")
        data, notes = load({"set/cat/1.png": 1, "set/dog/2.png": 2}, "set", test_fraction=0.5)
        assert sorted(values(data.inputs) + values(data.test_inputs)) == [1, 2, 5, 5]
        assert notes == []

    def test_a_class_may_be_a_link(self, load, tmp_path):
        load({"store/1.png": 1, "set/dog/2.png": 2, "store2/3.png": 3}, "", test_fraction=0.5)
        (tmp_path / "set" / "cat").symlink_to(tmp_path / "store")
        assert load({}, "set", test_fraction=0.5)[0].num_classes == 2

    def test_links_in_circles_end(self, load, tmp_path):
        files = {"cat/1.png": 1, "dog/deeper/2.png": 2}
        (tmp_path / "dog" / "deeper").mkdir(parents=True)
        (tmp_path / "dog" / "deeper" / "again").symlink_to(tmp_path / "dog")
        (tmp_path / "dog" / "all").symlink_to(tmp_path)
        data, notes = load(files, test_fraction=0.5)
        assert sorted(values(data.inputs) + values(data.test_inputs)) == [1, 2]
        assert notes == ["PATH: links to folders that are read already: dog/all, dog/deeper/again"]

    def test_links_to_nothing_are_named(self, load, tmp_path):
        load({"cat/1.png": 1, "dog/2.png": 2, "dog/3.png": 3}, test_fraction=0.4)
        (tmp_path / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
        (tmp_path / "cat" / "self.png").symlink_to("self.png")
        (tmp_path / "bird").symlink_to(tmp_path / "nowhere")
        with pytest.raises(
            UsageError, match=r"2 of 5 .*: cat/gone.png \(a link to nothing\), cat/self.png \(a"
        ):
            load({})
        with pytest.warns(AlframeWarning, match="2 of 5 images"):
            data, notes = load({}, test_fraction=0.4, bad_images="skip")
        assert data.num_classes == 2
        assert notes == ["PATH: links to nothing: bird"]

    def test_a_test_part_that_is_a_link_to_nothing_is_told(self, load, tmp_path):
        (tmp_path / "test").symlink_to(tmp_path / "nowhere")
        assert load(TRAIN, test_fraction=0.5)[1] == ["PATH/test is a link to nothing"]

    def test_a_folder_that_may_not_be_read(self, load, tmp_path, monkeypatch):
        load({"cat/1.png": 1, "dog/2.png": 2}, test_fraction=0.5)
        scandir = os.scandir

        def refused(path):
            if str(path).endswith("dog"):
                raise PermissionError(13, "Permission denied")
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refused)
        with pytest.raises(UsageError, match="dog can't be read: Permission denied$"):
            load({})

    def test_a_pipe_is_a_bad_image(self, load, tmp_path):
        (tmp_path / "cat").mkdir()
        os.mkfifo(tmp_path / "cat" / "pipe.png")
        with pytest.raises(UsageError, match="1 of 3 images can't be decoded: cat/pipe.png"):
            load({"cat/1.png": 1, "dog/2.png": 2})


def test_options_of_images_reach_them(load, tmp_path):
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            Image.new("RGBA", (4, 4), (9, 9, 9, 0)).save(tmp_path / part / name / "a.png")
    data, notes = load({}, background="black")
    assert data.inputs.unique().tolist() == [0]
    assert notes == [
        "4 of 4 images have transparent parts, which are black; -o data.background=white, or ignore"
    ]
