import io
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import alframe
from alframe import AlframeWarning, UsageError, texts_of

datasets = pytest.importorskip("datasets")

NAMES = ["cat", "dog", "emu"]


@pytest.fixture(autouse=True)
def _caches(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr("socket.socket.connect", lambda *args: pytest.fail("the network was asked"))


def content(value, size=(8, 8)):
    file = io.BytesIO()
    Image.new("L", size, value).save(file, "PNG")
    return file.getvalue()


def pictures(n, classes=3, size=(8, 8)):
    features = datasets.Features({"picture": datasets.Image(), "kind": datasets.ClassLabel(names=NAMES)})
    rows = {
        "picture": [{"bytes": content(20 * row, size), "path": None} for row in range(n)],
        "kind": [row % classes for row in range(n)],
    }
    return datasets.Dataset.from_dict(rows, features=features)


@pytest.fixture
def saved(tmp_path):
    """Images in two splits, as save_to_disk writes them."""
    path = tmp_path / "saved"
    datasets.DatasetDict({"train": pictures(9), "test": pictures(6)}).save_to_disk(path)
    return path


class TestImages:
    def test_columns_are_found_by_their_types(self, saved):
        data = alframe.load_dataset(f"huggingface:{saved}")
        assert data.name == "saved"
        assert data.inputs.shape == (9, 3, 8, 8)
        assert data.inputs.dtype == torch.uint8
        assert data.inputs[:, 0, 0, 0].tolist() == [20 * row for row in range(9)]
        assert data.targets.tolist() == [0, 1, 2] * 3
        assert data.test_targets.tolist() == [0, 1, 2] * 2
        assert data.transform(data.inputs).mean().abs() < 1e-5

    def test_other_splits(self, saved):
        data = alframe.load_dataset(f"huggingface:{saved}", train_split="test", test_split="train")
        assert (len(data), len(data.test_inputs)) == (6, 9)
        with pytest.raises(UsageError, match="no split 'valid'; .* name two of train, test"):
            alframe.load_dataset(f"huggingface:{saved}", test_split="valid")

    def test_one_split_holds_a_part_out(self, tmp_path):
        pictures(20).save_to_disk(tmp_path / "one")
        data = alframe.load_dataset(f"huggingface:{tmp_path / 'one'}", test_fraction=0.25)
        assert (len(data), len(data.test_inputs)) == (15, 5)

    def test_a_folder_of_parquet(self, tmp_path):
        (tmp_path / "files").mkdir()
        pictures(9).to_parquet(tmp_path / "files" / "train.parquet")
        pictures(3).to_parquet(tmp_path / "files" / "test.parquet")
        data = alframe.load_dataset(f"huggingface:{tmp_path / 'files'}", size=4)
        assert data.inputs.shape == (9, 3, 4, 4)
        assert len(data.test_inputs) == 3

    def test_different_sizes_need_a_size(self, tmp_path):
        both = datasets.concatenate_datasets([pictures(6), pictures(6, size=(9, 8))])
        both.save_to_disk(tmp_path / "both")
        with pytest.raises(UsageError, match="different sizes, as 8 x 8 and 8 x 9; -o data.size="):
            alframe.load_dataset(f"huggingface:{tmp_path / 'both'}")
        assert alframe.load_dataset(f"huggingface:{tmp_path / 'both'}", size=5).inputs.shape[2:] == (5, 5)

    def test_options_of_images_reach_them(self, tmp_path):
        rows = pictures(6).cast_column("picture", datasets.Image(decode=False)).to_list()
        see_through, deep = io.BytesIO(), io.BytesIO()
        Image.new("RGBA", (8, 8), (9, 9, 9, 0)).save(see_through, "PNG")
        Image.fromarray(np.full((8, 8), 1000, np.uint16)).save(deep, "PNG")
        rows[0]["picture"]["bytes"], rows[1]["picture"]["bytes"] = see_through.getvalue(), deep.getvalue()
        part = datasets.Dataset.from_list(rows, features=pictures(1).features)
        datasets.DatasetDict({"train": part, "test": part}).save_to_disk(tmp_path / "d")
        data = alframe.load_dataset(f"huggingface:{tmp_path / 'd'}")
        assert data.inputs[:3, 0, 0, 0].tolist() == [255, 249, 40]
        assert [note[:10] for note in data.notes] == ["2 of 12 im", "2 of 12 im"]
        data = alframe.load_dataset(
            f"huggingface:{tmp_path / 'd'}", background="ignore", grey_range=(0, 2000)
        )
        assert data.inputs[:3, 0, 0, 0].tolist() == [9, 127, 40]
        assert data.notes == ()

    def test_splits_that_are_left_out_are_told(self, tmp_path):
        splits = {"train": pictures(9), "validation": pictures(6)}
        datasets.DatasetDict(splits).save_to_disk(tmp_path / "d")
        data = alframe.load_dataset(f"huggingface:{tmp_path / 'd'}")
        assert data.notes == (
            "other splits are left out: validation; -o data.test_split= names the one to test on",
        )
        data = alframe.load_dataset(f"huggingface:{tmp_path / 'd'}", test_split="validation")
        assert (len(data.test_inputs), data.notes) == (6, ())

    def test_bad_images(self, tmp_path):
        rows = pictures(6).cast_column("picture", datasets.Image(decode=False)).to_list()
        rows[3]["picture"]["bytes"] = b"no image"
        datasets.Dataset.from_list(rows, features=pictures(1).features).save_to_disk(tmp_path / "bad")
        with pytest.raises(
            UsageError, match="1 of 6 images can't be decoded: row 3. .*by -o data.bad_images=skip"
        ):
            alframe.load_dataset(f"huggingface:{tmp_path / 'bad'}")
        with pytest.warns(AlframeWarning, match="1 of 6"):
            data = alframe.load_dataset(
                f"huggingface:{tmp_path / 'bad'}", bad_images="skip", test_fraction=0.4
            )
        assert len(data) + len(data.test_inputs) == 5

    def test_classes_that_only_the_test_part_has(self, tmp_path):
        splits = {"train": pictures(6, classes=2), "test": pictures(3)}
        datasets.DatasetDict(splits).save_to_disk(tmp_path / "d")
        with pytest.raises(UsageError, match="classes that the training part lacks: 2"):
            alframe.load_dataset(f"huggingface:{tmp_path / 'd'}")

    def test_an_image_that_is_none_is_a_bad_one(self, tmp_path):
        rows = pictures(6).cast_column("picture", datasets.Image(decode=False)).to_list()
        rows[2]["picture"] = None
        datasets.Dataset.from_list(rows, features=pictures(1).features).save_to_disk(tmp_path / "none")
        with pytest.raises(UsageError, match="1 of 6 images can't be decoded: row 2. "):
            alframe.load_dataset(f"huggingface:{tmp_path / 'none'}")

    def test_two_columns_of_images_need_a_name(self, tmp_path):
        other = pictures(6).rename_column("picture", "other").select_columns("other")
        both = datasets.concatenate_datasets([pictures(6), other], axis=1)
        both.save_to_disk(tmp_path / "two")
        with pytest.raises(UsageError, match="several columns of images; -o data.image= names one of pict"):
            alframe.load_dataset(f"huggingface:{tmp_path / 'two'}")
        assert alframe.load_dataset(f"huggingface:{tmp_path / 'two'}", image="other").inputs.ndim == 4

    @pytest.mark.parametrize(("option", "column"), [("image", "kind"), ("target", "picture")])
    def test_a_column_of_something_else(self, saved, option, column):
        with pytest.raises(UsageError, match=f"in column '{column}'; -o data.{option}= names one of picture"):
            alframe.load_dataset(f"huggingface:{saved}", **{option: column})

    def test_numbers_with_fractions_are_no_classes(self, tmp_path):
        table = pictures(6).add_column("height", [0.5 * row for row in range(6)])
        table.save_to_disk(tmp_path / "fractions")
        with pytest.raises(UsageError, match="in column 'height' numbers with fractions, as 0.5, a quantity"):
            alframe.load_dataset(f"huggingface:{tmp_path / 'fractions'}", target="height")

    def test_several_classes_a_sample_are_refused(self, tmp_path):
        kinds = datasets.Sequence(datasets.ClassLabel(names=NAMES))
        features = datasets.Features({"size": datasets.Value("float64"), "kinds": kinds})
        rows = {"size": [0.5, 1.5], "kinds": [[0, 2], [1]]}
        datasets.Dataset.from_dict(rows, features=features).save_to_disk(tmp_path / "several")
        for options in ({}, {"target": "kinds"}):
            with pytest.raises(
                UsageError, match=r"in column 'kinds' values .*\(multi-label\); alframe learns"
            ):
                alframe.load_dataset(f"huggingface:{tmp_path / 'several'}", **options)

    def test_classes_may_be_texts(self, tmp_path):
        texts = pictures(6).add_column("colour", ["red", "blue", None] * 2)
        datasets.DatasetDict({"train": texts, "test": texts.select([0, 1])}).save_to_disk(tmp_path / "texts")
        data = alframe.load_dataset(f"huggingface:{tmp_path / 'texts'}", target="colour")
        assert data.targets.tolist() == [1, 0, -1] * 2
        assert data.test_targets.tolist() == [1, 0]

    @pytest.mark.parametrize("option", ["image", "target"])
    def test_a_column_that_the_test_part_lacks(self, tmp_path, option):
        column = {"image": "picture", "target": "kind"}[option]
        for part, split in (("train", pictures(6)), ("test", pictures(3).remove_columns(column))):
            (tmp_path / "d" / part).mkdir(parents=True)
            split.save_to_disk(tmp_path / "d" / part)
        (tmp_path / "d" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
        with pytest.raises(UsageError, match=f"no column '{column}'; -o data.{option}="):
            alframe.load_dataset(f"huggingface:{tmp_path / 'd'}")

    @pytest.mark.parametrize("option", ["image", "target"])
    def test_a_column_that_is_not_there(self, saved, option):
        with pytest.raises(UsageError, match=f"no column 'x'; -o data.{option}= names one of picture, kind"):
            alframe.load_dataset(f"huggingface:{saved}", **{option: "x"})


class TestTables:
    @pytest.fixture
    def table(self, tmp_path):
        rng = np.random.default_rng(0)
        parts = {
            part: datasets.Dataset.from_dict(
                {
                    "height": rng.normal(170, 10, n).tolist(),
                    "colour": rng.choice(["red", "blue"], n).tolist(),
                    "kind": rng.choice(["a", "b"], n).tolist(),
                }
            )
            for part, n in (("train", 40), ("test", 10))
        }
        datasets.DatasetDict(parts).save_to_disk(tmp_path / "table")
        return tmp_path / "table"

    def test_are_standardised_by_the_training_part(self, table):
        data = alframe.load_dataset(f"huggingface:{table}", target="kind")
        assert data.inputs.shape == (40, 3)
        assert data.test_inputs.shape == (10, 3)
        assert data.inputs[:, 0].mean().abs() < 1e-5
        assert data.inputs[:, 0].std(correction=0) == pytest.approx(1, abs=1e-4)
        assert data.test_inputs[:, 0].mean().abs() > 1e-3

    @pytest.mark.parametrize("value", [[1.0, 2.0], {"a": 1.0}])
    def test_of_nested_columns_are_refused(self, tmp_path, value):
        rows = {"height": [1.0] * 6, "more": [value] * 6, "kind": ["a", "b"] * 3}
        datasets.Dataset.from_dict(rows).save_to_disk(tmp_path / "nested")
        with pytest.raises(UsageError, match="more hold neither numbers nor texts; .*remove_columns"):
            alframe.load_dataset(f"huggingface:{tmp_path / 'nested'}", target="kind")

    @pytest.mark.parametrize(
        ("ending", "message"), [("", None), (".", "class 'a.' is taken for 'a'"), ("x", None)]
    )
    def test_of_other_classes_in_the_test_part(self, tmp_path, ending, message):
        rows = {"height": [1.0, 2.0] * 5, "kind": ["a", "b"] * 5}
        test = rows | {"kind": [kind + ending for kind in rows["kind"]]}
        parts = {"train": rows, "test": test}
        parts = {name: datasets.Dataset.from_dict(part) for name, part in parts.items()}
        datasets.DatasetDict(parts).save_to_disk(tmp_path / "d")
        if ending == "x":
            with pytest.raises(
                UsageError, match="classes in the test part that the training part lacks: ax, bx"
            ):
                alframe.load_dataset(f"huggingface:{tmp_path / 'd'}", target="kind")
            return
        data = alframe.load_dataset(f"huggingface:{tmp_path / 'd'}", target="kind")
        assert data.num_classes == 2
        assert data.test_targets.tolist() == data.targets.tolist()
        assert len(data.notes) == (2 if message else 0)
        assert message is None or message in data.notes[0]

    def test_keep_the_differences_of_large_numbers(self, tmp_path):
        rows = {"time": list(range(2**60, 2**60 + 20)), "kind": ["a", "b"] * 10}
        datasets.Dataset.from_dict(rows).save_to_disk(tmp_path / "d")
        data = alframe.load_dataset(f"huggingface:{tmp_path / 'd'}", target="kind")
        assert len(data.inputs[:, 0].unique()) == 16

    def test_options_say_how_they_are_read(self, tmp_path):
        rows = {"x": ["1", "none", "3", "4"] * 5, "id": list(range(20)), "kind": ["a", "b"] * 10}
        datasets.Dataset.from_dict(rows).save_to_disk(tmp_path / "d")
        data = alframe.load_dataset(
            f"huggingface:{tmp_path / 'd'}", target="kind", drop=["id"], categories=["x"]
        )
        assert data.inputs.shape[1] == 4

    def test_in_csv_only_empty_fields_are_missing(self, tmp_path):
        (tmp_path / "d").mkdir()
        rows = [f"{('NA', 'b')[i % 2]},{i},{('None', 'some')[i // 2 % 2]}," for i in range(20)]
        (tmp_path / "d" / "train.csv").write_text("\n".join(["x,z,kind,", *rows]) + "\n")
        data = alframe.load_dataset(f"huggingface:{tmp_path / 'd'}", target="kind", test_fraction=0.25)
        assert data.num_classes == 2
        assert data.inputs.shape == (15, 3)

    def test_of_ragged_csv_are_one_line(self, tmp_path):
        (tmp_path / "d").mkdir()
        (tmp_path / "d" / "train.csv").write_text("x,kind\n" + "1,a,7\n2,b,8\n" * 10)
        with pytest.raises(UsageError, match="can't be had: ") as caught:
            alframe.load_dataset(f"huggingface:{tmp_path / 'd'}", target="kind")
        assert "\n" not in str(caught.value)

    def test_need_a_target(self, table):
        with pytest.raises(
            UsageError, match="no single column of classes; -o data.target= names one of height,"
        ):
            alframe.load_dataset(f"huggingface:{table}")


class TestTexts:
    @pytest.fixture
    def saved(self, tmp_path):
        def saved(**columns):
            features = {"label": datasets.ClassLabel(names=["neg", "pos"])}
            features |= {name: datasets.Value("string") for name in columns if name != "label"}
            parts = {
                part: datasets.Dataset.from_dict(columns, features=datasets.Features(features))
                for part in ("train", "test")
            }
            datasets.DatasetDict(parts).save_to_disk(tmp_path / "texts")
            return f"huggingface:{tmp_path / 'texts'}"

        return saved

    def test_the_only_other_column_is_found_if_it_holds_texts(self, saved):
        data = alframe.load_dataset(saved(text=["fine", "", "dull", "so so"], label=[1, 0, 0, 1]))
        assert texts_of(data.inputs) == ["fine", "", "dull", "so so"]
        assert data.targets.tolist() == data.test_targets.tolist() == [1, 0, 0, 1]

    def test_classes_keep_the_numbers_of_their_names(self, saved):
        name = saved(text=["fine", "good"], label=[1, 1])
        data = alframe.load_dataset(name)
        assert (data.targets.tolist(), data.num_classes) == ([1, 1], 2)
        assert data.test_targets.tolist() == [1, 1]
        assert texts_of(data.test_inputs) == ["fine", "good"]

    def test_one_of_several_columns_is_named(self, saved):
        name = saved(title=["a", "b"], text=["fine", "a dull film"], label=[1, 0])
        data = alframe.load_dataset(name, text="text", length=6)
        assert texts_of(data.inputs) == ["fine", "a dull"]
        assert any("longer than 6 bytes are cut: 2" in note for note in data.notes)
        with pytest.raises(UsageError, match="no column 'body'; -o data.text= names one of"):
            alframe.load_dataset(name, text="body")

    def test_missing_texts(self, saved):
        name = saved(text=["fine", None, "dull"], label=[1, 0, 0])
        with pytest.raises(UsageError, match="1 of 3 rows have no text in 'text', the first is row 2"):
            alframe.load_dataset(name)
        data = alframe.load_dataset(name, bad_texts="skip")
        assert data.targets.tolist() == data.test_targets.tolist() == [1, 0]

    def test_a_folder_of_json_lines(self, tmp_path):
        (tmp_path / "lines").mkdir()
        (tmp_path / "lines" / "train.jsonl").write_text('{"text": "a", "y": 3}\n{"text": "b", "y": 1}\n')
        data = alframe.load_dataset(f"huggingface:{tmp_path / 'lines'}", target="y", test_fraction=0.5)
        assert len(data) == len(data.test_inputs) == 1
        assert sorted(texts_of(torch.cat([data.inputs, data.test_inputs]))) == ["a", "b"]


class TestUnknownLabels:
    """The hub's data sets leave labels out as -1 or None."""

    @pytest.fixture(params=["images", "table"])
    def make(self, request):
        def make(labels):
            split = pictures(len(labels)).remove_columns("kind")
            if request.param == "table":
                heights = [float(row) for row in range(len(labels))]
                split = split.add_column("height", heights).remove_columns("picture")
            return split.add_column("kind", labels, feature=datasets.ClassLabel(names=NAMES))

        return make

    @pytest.mark.parametrize("gap", [-1, None])
    def test_are_no_class(self, make, tmp_path, gap):
        splits = {"train": make([2, gap, 0, 1, 0, gap]), "test": make([0, 1, 2, 0, 1, 2])}
        datasets.DatasetDict(splits).save_to_disk(tmp_path / "d")
        data = alframe.load_dataset(f"huggingface:{tmp_path / 'd'}")
        assert data.num_classes == 3
        assert data.targets.tolist() == [2, -1, 0, 1, 0, -1]
        assert data.test_targets.tolist() == [0, 1, 2, 0, 1, 2]

    @pytest.mark.parametrize("gap", [-1, None])
    def test_of_the_test_part_are_an_error_that_names_the_splits(self, make, tmp_path, gap):
        known = make([2, 1, 0, 1, 0, 2])
        splits = {"train": known, "test": make([gap] * 6), "valid": known}
        datasets.DatasetDict(splits).save_to_disk(tmp_path / "d")
        with pytest.raises(UsageError, match="without a label; -o data.test_split= names one of train, test"):
            alframe.load_dataset(f"huggingface:{tmp_path / 'd'}")
        data = alframe.load_dataset(f"huggingface:{tmp_path / 'd'}", test_split="valid")
        assert data.test_targets.tolist() == [2, 1, 0, 1, 0, 2]


class TestHub:
    @pytest.mark.parametrize("name", ["mnist", "nobody/nothing"])
    def test_what_is_not_in_the_cache_is_one_line_and_no_connection(self, name):
        with pytest.raises(
            UsageError, match=f"huggingface: data set '{name}' can't be had: .*; --download may fetch it"
        ) as caught:
            alframe.load_dataset(f"huggingface:{name}")
        assert "\n" not in str(caught.value)

    def test_a_path_is_not_sought_on_the_hub(self, tmp_path):
        with pytest.raises(UsageError, match="can't be had") as caught:
            alframe.load_dataset(f"huggingface:{tmp_path / 'nothing'}")
        assert "--download" not in str(caught.value)

    def test_the_hubs_attempts_are_not_logged(self, monkeypatch):
        from huggingface_hub import logging

        seen = []

        def fail(*args, **kwargs):
            seen.append(logging.get_verbosity())
            raise ConnectionError("no route")

        monkeypatch.setattr("datasets.load_dataset", fail)
        before = logging.get_verbosity()
        with pytest.raises(UsageError, match="no route"):
            alframe.load_dataset("huggingface:nobody/nothing", download=True)
        assert seen == [logging.ERROR]
        assert logging.get_verbosity() == before != logging.ERROR

    def test_no_code_of_a_data_set_is_run(self, tmp_path, monkeypatch):
        given = {}

        def look(*args, **kwargs):
            given.update(kwargs)
            return datasets.DatasetDict({"train": pictures(9), "test": pictures(3)})

        monkeypatch.setattr("datasets.load_dataset", look)
        alframe.load_dataset("huggingface:nobody/something")
        assert given["trust_remote_code"] is False  # releases before 4 would ask

    def test_a_loading_script_is_not_run(self, tmp_path):
        (tmp_path / "d").mkdir()
        (tmp_path / "d" / "d.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
        with pytest.raises(UsageError, match="can't be had"):
            alframe.load_dataset(f"huggingface:{tmp_path / 'd'}")
        assert not (tmp_path / "ran").exists()

    def test_a_failing_download_is_one_line(self, monkeypatch):
        def fail(*args, **kwargs):
            raise ConnectionError("no route\nto host")

        monkeypatch.setattr("datasets.load_dataset", fail)
        with pytest.raises(UsageError, match="can't be had: no route to host$"):
            alframe.load_dataset("huggingface:nobody/nothing", download=True)

    @pytest.mark.parametrize("download", [False, True])
    def test_connections_are_allowed_for_a_download_alone(self, download, monkeypatch):
        import huggingface_hub.constants

        seen = []

        def look(*args, **kwargs):
            seen.append((datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE))
            return datasets.DatasetDict({"train": pictures(9), "test": pictures(3)})

        monkeypatch.setattr("datasets.load_dataset", look)
        before = (datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE)
        alframe.load_dataset("huggingface:nobody/something", download=download)
        assert seen == [before if download else (True, True)]
        assert before == (datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE)

    def test_nothing_is_printed_to_standard_output(self, tmp_path, capsys):
        (tmp_path / "files").mkdir()
        pictures(9).to_parquet(tmp_path / "files" / "train.parquet")
        capsys.readouterr()
        alframe.load_dataset(f"huggingface:{tmp_path / 'files'}")
        assert capsys.readouterr().out == ""

    def test_without_the_package_the_extra_is_named(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "datasets", None)
        with pytest.raises(UsageError, match=r"needs the package datasets; .*alframe\[huggingface\]"):
            alframe.load_dataset("huggingface:mnist")


def test_no_script_of_a_folder_is_trusted(tmp_path, monkeypatch):
    """Versions of the package before 4 would run it where the environment allows it."""

    def load_dataset(location, config, *, trust_remote_code):
        raise ValueError(f"trusted: {trust_remote_code}")

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    with pytest.raises(UsageError, match="can't be had: trusted: False"):
        alframe.load_dataset(f"huggingface:{tmp_path}")
