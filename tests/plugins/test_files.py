import numpy as np
import pytest
import torch

import alframe
from alframe import UsageError

X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 2, 0, 1, 2])


@pytest.fixture
def load(tmp_path):
    def load(**arrays):
        np.savez(tmp_path / "d.npz", **{"x_train": X, "y_train": Y} | arrays)
        return alframe.load_dataset(f"npz:{tmp_path / 'd.npz'}", test_fraction=0.34)

    return load


def test_with_a_test_part(load):
    data = load(x_test=X[:2], y_test=Y[:2])
    assert torch.equal(data.inputs, torch.tensor(X, dtype=torch.float32))
    assert data.targets.tolist() == Y.tolist()
    assert data.test_targets.tolist() == [0, 1]
    assert data.num_classes == 3
    assert data.name == "d"


def test_without_a_test_part_one_is_split_off(load):
    data = load()
    assert len(data) == 4
    assert len(data.test_inputs) == 2


def test_classes_may_be_anything_that_sorts(load):
    data = load(y_train=np.array(["b", "a", "c", "b", "a", "c"]), x_test=X[:1], y_test=np.array(["c"]))
    assert data.targets.tolist() == [1, 0, 2, 1, 0, 2]
    assert data.test_targets.tolist() == [2]
    assert load(y_train=Y * 10 - 5, x_test=X[:1], y_test=np.array([15])).test_targets.tolist() == [2]


@pytest.mark.parametrize(
    ("shape", "dtype", "expected"),
    [
        ((6, 3, 4, 4), np.float64, (3, 4, 4)),
        ((6, 5), np.int32, (5,)),
        ((6, 5), np.uint8, (5,)),
        ((6, 5), np.bool_, (5,)),
    ],
)
def test_shapes_and_types(load, shape, dtype, expected):
    x = np.ones(shape, dtype)
    data = load(x_train=x, x_test=x, y_test=Y)
    assert data.inputs.shape[1:] == expected
    assert data.inputs.dtype == torch.float32
    assert (data.inputs == 1).all()
    assert data.transform is None


@pytest.mark.parametrize("shape", [(6, 4, 4, 3), (6, 3, 4, 4), (6, 4, 4)])
def test_images_stay_bytes_and_are_normalised_by_the_training_part(load, shape):
    x = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    data = load(x_train=x, x_test=x // 2, y_test=Y)
    assert data.inputs.dtype == torch.uint8
    assert data.inputs.shape[1:] == ((3, 4, 4) if len(shape) == 4 else (1, 4, 4))
    made = data.transform(data.inputs)
    torch.testing.assert_close(made.mean((0, 2, 3)), torch.zeros(made.shape[1]), atol=1e-5, rtol=0)
    torch.testing.assert_close(made.std((0, 2, 3), correction=0), torch.ones(made.shape[1]))
    assert data.transform(data.test_inputs).mean() < -0.3


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y_train": Y[:4]}, "x_train has 6 rows but y_train has 4"),
        ({"x_test": X}, "has x_test or y_test but not both"),
        (
            {"x_test": np.zeros((6, 2, 2), np.uint8), "y_test": Y},
            "both hold images of bytes or none of them, got float64 and uint8",
        ),
        ({"x_test": X, "y_test": Y[:3]}, "x_test has 6 rows but y_test has 3"),
        ({"x_test": X[:1], "y_test": np.array([7])}, r"y_test has classes that y_train lacks: \[7\]"),
        ({"x_test": X[:, :1], "y_test": Y}, "test samples"),
        ({"y_train": np.zeros(6)}, "has 1 class; at least 2"),
        ({"y_train": Y + 0.5}, r"y_train holds numbers with fractions, as 0.5, a quantity \(a regression\)"),
        ({"y_train": np.array([0, 1, np.nan, 0, 1, 1])}, "NaN or infinite values, classes"),
        ({"y_train": np.stack([Y, Y], 1)}, r"y_train of shape \(6, 2\) holds 2 numbers a sample"),
        ({"x_train": np.where(X == 3, np.nan, X)}, "NaN or infinite"),
        ({"x_train": np.where(X == 3, np.inf, X)}, "NaN or infinite"),
        ({"x_train": X[:, 0]}, "one row a sample"),
        ({"x_train": np.array([["a", "b"]] * 6)}, "must hold real numbers"),
        ({"x_train": X * 1j}, "must hold real numbers"),
        ({"x_train": np.array([{}] * 6, dtype=object)}, "can't be read as .npz"),
    ],
)
def test_mistakes_are_named(load, arrays, message):
    with pytest.raises(UsageError, match=message):
        load(**arrays)


def test_a_missing_array(tmp_path):
    np.savez(tmp_path / "d.npz", x=X)
    with pytest.raises(UsageError, match="has no array 'x_train'; it has x"):
        alframe.load_dataset(f"npz:{tmp_path / 'd.npz'}")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 broken"])
def test_files_that_are_none(tmp_path, content):
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(UsageError, match="can't be read as .npz"):
        alframe.load_dataset(f"npz:{tmp_path / 'd.npz'}")


def test_a_single_array_is_no_data_set(tmp_path):
    np.save(tmp_path / "d.npy", X)
    with pytest.raises(UsageError, match="holds one array"):
        alframe.load_dataset(f"npz:{tmp_path / 'd.npy'}")


class TestCsv:
    @pytest.fixture
    def path(self, tmp_path):
        rows = [f"{i},{'ab'[i % 2]},{'yes' if i % 3 else 'no'}" for i in range(30)]
        path = tmp_path / "table.csv"
        path.write_text("\n".join(["size,letter,answer", *rows]))
        return path

    def test_a_table(self, path):
        data = alframe.load_dataset(f"csv:{path}", target="answer")
        assert (data.name, data.num_classes) == ("table", 2)
        assert data.inputs.shape == (24, 3)

    @pytest.mark.parametrize(
        ("content", "options", "message"),
        [
            (None, {}, "which column holds the classes\\? -o data.target= names one of size, letter, answer"),
            (None, {"target": "nothing"}, "no column 'nothing'; -o data.target= names one of size, letter"),
            ("", {"target": "a"}, "can't be read as CSV: No columns to parse"),
            ('a,b\n1,2\n"x', {"target": "a"}, "can't be read as CSV"),
        ],
    )
    def test_files_that_cannot_be_used(self, path, content, options, message):
        if content is not None:
            path.write_text(content)
        with pytest.raises(UsageError, match=message):
            alframe.load_dataset(f"csv:{path}", **options)

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(UsageError, match="can't be read as CSV: No such file"):
            alframe.load_dataset(f"csv:{tmp_path / 'none.csv'}", target="a")
