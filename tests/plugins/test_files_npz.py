"""Arrays as people save them: what they leave open is guessed and told, and damage is one line."""

import os
import pickle
import zipfile

import numpy as np
import pytest
import torch

import alframe
from alframe import DamagedFileError, UsageError

RANDOM = np.random.default_rng(0)
Y = np.arange(12) % 3
X = RANDOM.normal(size=(12, 4))
IMAGES = RANDOM.integers(0, 255, (12, 5, 5, 3)).astype(np.uint8)


@pytest.fixture
def load(tmp_path):
    """The data set of these arrays, which are the test part too unless another is given."""

    def load(x=X, y=Y, options=(), **arrays):
        both = {"x_train": x, "y_train": y, "x_test": x, "y_test": y} | arrays
        np.savez(tmp_path / "d.npz", **{name: array for name, array in both.items() if array is not None})
        return alframe.load_dataset(f"npz:{tmp_path / 'd.npz'}", **dict(options))

    return load


class TestLabels:
    @pytest.mark.parametrize(
        "y",
        [
            Y[:, None],  # as Keras has them
            Y[:, None, None],
            Y.astype(np.uint8),
            Y.astype(float),
            Y.astype(">i4"),
            Y + 7,
            Y - 5,
            np.array(["a", "b", "c"])[Y],
            np.array([b"a", b"b", b"c"])[Y],
            np.array(["a", "\u00e9", "\u65e5"])[Y],
        ],
        ids=lambda y: f"{y.dtype}-{y.ndim}",
    )
    def test_classes_of_every_type(self, load, y):
        data = load(y=y)
        assert (data.targets.tolist(), data.test_targets.tolist()) == (Y.tolist(), Y.tolist())
        assert data.targets.dtype == torch.int64
        assert (data.num_classes, data.notes) == (3, ())

    @pytest.mark.parametrize("dtype", [np.uint8, float, bool, np.int64])
    def test_one_hot_rows(self, load, dtype):
        data = load(y=np.eye(3)[Y].astype(dtype), y_test=Y)
        assert (data.targets.tolist(), data.test_targets.tolist()) == (Y.tolist(), Y.tolist())
        assert data.notes == ("y_train is one-hot: the class is the column that holds 1",)

    @pytest.mark.parametrize(
        "y", [np.eye(3)[Y] * 0.5, np.eye(3)[Y] + np.eye(3)[0], np.zeros((12, 3)), np.full((12, 3), np.nan)]
    )
    def test_rows_that_are_not(self, load, y):
        with pytest.raises(
            UsageError, match=r"y_train of shape \(12, 3\) holds .* learns one class a sample: keep one"
        ):
            load(y=y)

    def test_minus_one_beside_classes_is_unknown(self, load):
        y = np.where(np.arange(12) < 3, -1, Y)
        data = load(y=y, y_test=Y)
        assert data.targets.tolist() == y.tolist()
        assert data.num_classes == 3
        assert data.notes == (
            "-1 in y_train marks unknown labels; -o data.minus_one=class takes it as a class",
        )
        assert load(y=y.astype(float), y_test=Y).targets.tolist() == y.tolist()

    def test_minus_one_and_one_are_classes(self, load):
        data = load(y=np.where(Y == 0, -1, 1))
        assert data.targets.tolist() == np.minimum(Y, 1).tolist()
        assert data.notes == ("-1 in y_train is a class, as 1; -o data.minus_one=unknown says otherwise",)

    def test_what_minus_one_is_can_be_said(self, load):
        y = Y - 1  # negative, neutral, positive
        data = load(y=y, options={"minus_one": "class"})
        assert (data.targets.tolist(), data.num_classes, data.notes) == (Y.tolist(), 3, ())
        data = load(y=y, y_test=np.abs(y), options={"minus_one": "unknown"})
        assert (data.targets.tolist(), data.num_classes, data.notes) == (y.tolist(), 2, ())
        with pytest.raises(UsageError, match="1 class; at least 2"):
            load(y=np.where(Y == 0, -1, 1), options={"minus_one": "unknown"})

    def test_a_test_part_needs_all_labels(self, load):
        with pytest.raises(UsageError, match="y_test holds -1, which marks unknown labels in y_train"):
            load(y=np.where(np.arange(12) < 3, -1, Y))
        with pytest.raises(UsageError, match=r"y_test has classes that y_train lacks: \[-1\]"):
            load(y_test=np.where(np.arange(12) < 3, -1, Y))

    @pytest.mark.parametrize("n", [21, 200])
    def test_as_many_numbers_as_samples_are_a_regression(self, load, n):
        with pytest.raises(
            UsageError, match=f"{n} different numbers in {n} samples, .* a regression; .*as texts"
        ):
            load(x=np.ones((n, 2)), y=np.arange(n))
        assert load(x=np.ones((n, 2)), y=np.arange(n).astype(str)).num_classes == n
        assert load(x=np.ones((2 * n, 2)), y=np.arange(2 * n) % n).num_classes == n
        assert load(x=np.ones((20, 2)), y=np.arange(20)).num_classes == 20

    @pytest.mark.parametrize("y", [Y * 1j, Y.astype("M8[s]"), np.zeros(12, [("a", "i4"), ("b", "i4")])])
    def test_what_are_no_classes(self, load, y):
        with pytest.raises(UsageError, match="y_train must hold classes as numbers or texts, got "):
            load(y=y)


class TestChannels:
    @pytest.mark.parametrize("dtype", [np.uint8, np.float32])
    @pytest.mark.parametrize(
        ("shape", "expected", "is_told"),
        [
            ((5, 5, 3), (3, 5, 5), False),
            ((3, 5, 5), (3, 5, 5), False),
            ((5, 7, 1), (1, 5, 7), False),
            ((1, 5, 7), (1, 5, 7), False),
            ((4, 4, 3), (3, 4, 4), False),
            ((5, 5, 4), (4, 5, 5), True),  # of colours and transparency, or infrared
            ((5, 5, 2), (2, 5, 5), True),
            ((8, 8, 13), (13, 8, 8), True),  # as satellites have
            ((13, 8, 8), (13, 8, 8), False),
            ((6, 8, 4), (4, 6, 8), True),
            ((4, 6, 8), (4, 6, 8), True),
            ((8, 8, 8), (8, 8, 8), True),
            ((3, 8, 3), (3, 8, 3), True),
            ((3, 8, 1), (3, 8, 1), True),
            ((1, 1, 3), (3, 1, 1), True),
        ],
    )
    def test_the_axis_of_channels(self, load, shape, expected, is_told, dtype):
        x = RANDOM.integers(0, 90, (12, *shape)).astype(dtype)
        data = load(x=x)
        assert data.inputs.shape[1:] == expected
        is_last = expected == (shape[2], *shape[:2]) and expected != shape
        np.testing.assert_array_equal(data.inputs, np.moveaxis(x, 3, 1) if is_last else x)
        np.testing.assert_array_equal(data.test_inputs, data.inputs)
        assert len(data.notes) == is_told
        assert all("-o data.channels=" in note for note in data.notes)

    def test_it_can_be_said(self, load):
        x = RANDOM.integers(0, 90, (12, 3, 8, 3)).astype(np.uint8)
        for channels, expected in (("first", x), ("last", np.moveaxis(x, 3, 1))):
            data = load(x=x, options={"channels": channels})
            np.testing.assert_array_equal(data.inputs, expected)
            assert data.notes == ()

    def test_the_test_part_has_the_same(self, load):
        data = load(x=np.zeros((12, 4, 4, 2), np.uint8), x_test=np.ones((12, 4, 4, 2), np.uint8))
        assert data.inputs.shape == data.test_inputs.shape == (12, 2, 4, 4)

    def test_an_opaque_fourth_channel_is_left_out(self, load):
        alpha = np.full((12, 5, 5, 1), 255, np.uint8)
        data = load(x=np.concatenate([IMAGES, alpha], 3))
        np.testing.assert_array_equal(data.inputs, np.moveaxis(IMAGES, 3, 1))
        assert "255 throughout, as of opaque images, and is left out" in data.notes[-1]
        alpha[0, 0, 0] = 254
        assert load(x=np.concatenate([IMAGES, alpha], 3)).inputs.shape[1] == 4


class TestScale:
    @pytest.mark.parametrize(
        "x",
        [X, X.astype(np.float32), X.astype(np.float16), X.astype(">f4"), X > 0, np.asfortranarray(X), X * 9],
    )
    def test_numbers_stay_what_they_are(self, load, x):
        data = load(x=x)
        np.testing.assert_array_equal(data.inputs, x.astype(np.float32))
        assert data.notes == ()
        assert data.inputs.dtype == (torch.float16 if x.dtype == np.float16 else torch.float32)
        assert data.example().dtype == torch.float32  # what a network gets

    @pytest.mark.parametrize("x", [IMAGES.astype(np.float32), IMAGES.astype(np.int64)])
    def test_large_ones_are_told_and_can_be_standardised(self, load, x):
        data = load(x=x)
        np.testing.assert_array_equal(data.inputs, np.moveaxis(x, 3, 1))
        assert data.notes == (
            "x_train holds numbers from 0 to 254, which are taken as they are; -o data.scale=standardise "
            "gives each column or channel mean 0 and standard deviation 1",
        )
        assert load(x=x, options={"scale": "keep"}).notes == ()
        data = load(x=x, options={"scale": "standardise"})
        torch.testing.assert_close(data.inputs.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
        torch.testing.assert_close(data.inputs.std((0, 2, 3), correction=0), torch.ones(3))
        assert (data.notes, data.inputs.dtype) == ((), torch.float32)

    @pytest.mark.parametrize(
        ("offset", "dtype"), [(1e7, np.float64), (-1e12, np.float64), (2**40, np.int64), (2**50, np.uint64)]
    )
    def test_differences_that_32_bits_would_lose_are_kept(self, load, offset, dtype):
        steps = np.round(X * 100)
        x = (steps.astype(np.int64) + int(offset)).astype(dtype)
        data = load(x=x)
        expected = (steps - steps.mean(0)) / steps.std(0)
        np.testing.assert_allclose(data.inputs, expected, atol=1e-5)
        np.testing.assert_array_equal(data.test_inputs, data.inputs)
        assert data.notes[0].startswith("x_train holds numbers whose differences 32 bits would lose")
        assert load(x=x, options={"scale": "keep"}).inputs.dtype == torch.float32

    def test_the_part_that_is_split_off_is_standardised_by_the_rest(self, load):
        data = load(x=X + 1e9, x_test=None, y_test=None, options={"test_fraction": 0.25})
        torch.testing.assert_close(data.inputs.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
        assert data.test_inputs.abs().max() < 20

    def test_numbers_beyond_32_bits(self, load):
        np.testing.assert_allclose(load(x=X * 1e200).inputs, (X - X.mean(0)) / X.std(0), atol=1e-5)
        with pytest.raises(UsageError, match="NaN or infinite"):
            load(x=X * 1e200, options={"scale": "keep"})

    def test_a_constant_column_is_zero(self, load):
        x = X + 1e9
        x[:, 2] = 5
        assert (load(x=x).inputs[:, 2] == 0).all()

    def test_bytes_of_images_are_normalised_as_ever(self, load):
        data = load(x=IMAGES, options={"scale": "standardise"})
        assert data.inputs.dtype == torch.uint8
        assert data.transform is not None

    def test_gaps_are_counted(self, load):
        x = X.copy()
        x[2, 1:3], x[5, 0] = np.nan, np.inf
        with pytest.raises(
            UsageError, match="x_train: 2 of 12 samples contain NaN or infinite values, 3 in all"
        ):
            load(x=x)

    @pytest.mark.parametrize(
        ("x", "message"),
        [
            (np.zeros((12, 0)), r"x_train has shape \(12, 0\): its samples hold no numbers"),
            (X.astype("M8[s]"), "must hold real numbers, got datetime64"),
            (np.zeros(12, [("a", "f4")])[:, None], "must hold real numbers"),
        ],
    )
    def test_samples_that_are_none(self, load, x, message):
        with pytest.raises(UsageError, match=message):
            load(x=x)


class TestFiles:
    def test_other_arrays_are_told(self, load):
        assert load(x_val=X, y_val=Y).notes == (
            "arrays x_val, y_val are left out; the names that are read: x_train, y_train, x_test, y_test",
        )

    def test_an_empty_test_part_is_none(self, load):
        data = load(x_test=X[:0], y_test=Y[:0], options={"test_fraction": 0.25})
        assert len(data.test_inputs) == 3
        assert data.notes == ("x_test and y_test are empty: a test part is split off by data.test_fraction",)

    def test_other_names_are_told(self, tmp_path):
        np.savez(tmp_path / "d.npz", X=X, y=Y)
        with pytest.raises(
            UsageError, match="no array 'x_train'; it has X, y. The names that are read are x_tr"
        ):
            alframe.load_dataset(f"npz:{tmp_path / 'd.npz'}")

    @pytest.mark.parametrize("name", ["x_train", "y_train"])
    def test_objects_are_not_loaded(self, load, name):
        with pytest.raises(
            UsageError, match=rf"{name} holds Python objects, .* by {name}.astype\(str\)"
        ) as caught:
            load(**{name: np.array([{}] * 12, dtype=object)})
        assert caught.value.exit_code == 2

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "no archive of arrays"),
            (b"PK\x03\x04 broken", "can't be read as .npz: File is not a zip file; fetch it"),
            (pickle.dumps({"x_train": X}), "no archive of arrays"),
        ],
    )
    def test_what_is_no_archive_is_damaged(self, tmp_path, content, message):
        (tmp_path / "d.npz").write_bytes(content)
        with pytest.raises(DamagedFileError, match=message):
            alframe.load_dataset(f"npz:{tmp_path / 'd.npz'}")

    def test_every_cut_and_many_flips_are_told(self, tmp_path):
        path = tmp_path / "d.npz"
        np.savez_compressed(path, x_train=X, y_train=Y)
        whole = path.read_bytes()
        middle = [*whole]
        for place in range(0, len(whole), 5):
            path.write_bytes(whole[:place])
            with pytest.raises(DamagedFileError):
                alframe.load_dataset(f"npz:{path}")
            path.write_bytes(bytes([*middle[:place], middle[place] ^ 0x55, *middle[place + 1 :]]))
            try:
                data = alframe.load_dataset(f"npz:{path}", test_fraction=0.25)
            except UsageError:  # the name of an array may be hit
                continue
            assert len(data) == 9  # a date or the like was hit
            assert set(data.inputs.flatten().tolist()) <= set(X.astype(np.float32).flatten().tolist())

    def test_a_header_that_promises_too_much(self, tmp_path, monkeypatch):
        np.savez(tmp_path / "d.npz", x_train=X, y_train=Y)
        with zipfile.ZipFile(tmp_path / "d.npz") as old, zipfile.ZipFile(tmp_path / "forged.npz", "w") as new:
            new.writestr(
                "x_train.npy", old.read("x_train.npy").replace(b"(12, 4), }       ", b"(12000000000, 4)}")
            )
            new.writestr("y_train.npy", old.read("y_train.npy"))
        monkeypatch.setattr(np.lib.format, "read_array", None)  # no memory is asked for
        with pytest.raises(
            DamagedFileError,
            match=r"float64 of shape \(12000000000, 4\), which is 384,000,000,000 bytes, and has 384;",
        ):
            alframe.load_dataset(f"npz:{tmp_path / 'forged.npz'}")

    def test_more_than_the_machine_holds(self, load, monkeypatch):
        monkeypatch.setattr("alframe_files._arrays.machine_memory", lambda: 100)
        with pytest.raises(UsageError, match="its arrays need 0.0 GB, more than this machine's memory"):
            load()

    def test_no_memory_left(self, load, monkeypatch):
        def no_memory(*given, **named):
            raise MemoryError

        monkeypatch.setattr(np.lib.format, "read_array", no_memory)
        with pytest.raises(UsageError, match="it needs more memory than there is"):
            load()

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda path: None, "No such file"),
            (lambda path: path.mkdir(), "it is no regular file"),
            (os.mkfifo, "it is no regular file"),
        ],
    )
    def test_what_is_no_file(self, tmp_path, make, message):
        make(tmp_path / "d.npz")
        with pytest.raises(UsageError, match=message) as caught:
            alframe.load_dataset(f"npz:{tmp_path / 'd.npz'}")
        assert caught.value.exit_code == 2
