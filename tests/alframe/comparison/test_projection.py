import json

import numpy as np
import pytest

from alframe.comparison.projection import Picture, picture, project, read_features
from alframe.records.rounds import Unusable


def clusters(n=60, dimensions=5):
    """Two clouds far from each other; the first half of the rows is one."""
    x = np.random.default_rng(0).normal(size=(n, dimensions))
    x[: n // 2] += 50
    return x.astype(np.float32)


def write(folder, features, *queried):
    folder.mkdir(exist_ok=True)
    np.save(folder / "features.npy", features)
    (folder / "rounds.jsonl").write_text("".join(json.dumps({"queried": q}) + "\n" for q in queried))
    return folder


def test_what_a_trial_kept(tmp_path):
    features, rounds = read_features(write(tmp_path, clusters(6), [4, 0], [5]))
    assert features.shape == (6, 5)
    assert rounds.tolist() == [0, -1, -1, -1, 0, 1]


@pytest.mark.parametrize(
    ("features", "queried", "reason"),
    [
        (np.zeros((3, 2), np.float32), [7], "not of these rounds"),
        (np.zeros((3, 2), np.float32), None, "not of these rounds"),
        (np.zeros((3, 2), np.int64), [1], "not a matrix of features"),
        (np.zeros(3, np.float32), [1], "not a matrix of features"),
    ],
)
def test_files_that_do_not_fit(tmp_path, features, queried, reason):
    with pytest.raises(Unusable, match=reason):
        read_features(write(tmp_path, features, queried))


def test_missing_and_cut_off_files(tmp_path):
    with pytest.raises(Unusable, match="No such file"):
        read_features(tmp_path)
    write(tmp_path, clusters(), [1])
    content = (tmp_path / "features.npy").read_bytes()
    for length in (0, 5, 100, len(content) - 1):
        (tmp_path / "features.npy").write_bytes(content[:length])
        with pytest.raises(Unusable, match="damaged or cut off"):
            read_features(tmp_path)


def test_a_pickle_is_not_loaded(tmp_path):
    with pytest.raises(Unusable, match="damaged"):
        read_features(write(tmp_path, np.array([[{}]], dtype=object), [0]))


@pytest.mark.parametrize("method", ["tsne", "pca"])
@pytest.mark.parametrize("dimensions", [1, 2, 60])
def test_what_is_far_apart_stays_apart(method, dimensions):
    points = project(clusters(dimensions=dimensions).astype(float), method)
    assert points.shape == (60, 2)
    first, second = points[:30], points[30:]
    apart = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
    assert apart > first.std(axis=0).max() + second.std(axis=0).max()
    assert np.array_equal(points, project(clusters(dimensions=dimensions).astype(float), method))


def test_pca_is_the_turned_data():
    x = np.random.default_rng(1).normal(size=(40, 2))
    points = project(x, "pca")
    distances = [np.linalg.norm(a[:, None] - a[None], axis=-1) for a in (x, points)]
    assert np.allclose(*distances)


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_the_fewest_samples(method):
    rounds = np.array([0, 1, -1, -1, -1])
    shown = picture(clusters(5), rounds, method)
    assert shown.rounds.tolist() == [-1, -1, -1, 0, 1]
    assert (shown.queried, shown.pool, shown.method) == (2, 5, method)


def test_a_large_pool_is_drawn_from(monkeypatch):
    monkeypatch.setattr("alframe.comparison.projection.MOST", 20)
    rounds = np.full(100, -1)
    rounds[:30] = 1
    shown = picture(clusters(100), rounds, "pca")
    assert isinstance(shown, Picture)
    assert (shown.queried, shown.pool) == (30, 100)
    assert np.bincount(shown.rounds + 1).tolist() == [20, 0, 20]


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        (clusters(4), "5 samples or more make a picture, there are 4"),
        (np.full((6, 3), np.nan, np.float32), "not finite"),
        (np.ones((6, 3), np.float32), "all samples have the same features"),
    ],
)
def test_what_makes_no_picture(features, reason):
    with pytest.raises(Unusable, match=reason):
        picture(features, np.full(len(features), -1), "pca")
