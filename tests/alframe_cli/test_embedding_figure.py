import numpy as np
import pytest
from matplotlib.figure import Figure

from alframe.comparison.projection import Picture
from alframe_cli.embedding_figure import draw_embedding


@pytest.fixture
def keep(tmp_path, write_run):
    """Writes a trial of two rounds; features of twelve samples with it, unless told otherwise."""

    def write(strategy, seed, features=True):
        file = write_run("digits", "s", strategy, seed, [0.5, 0.6])
        if features:
            np.save(file.with_name("features.npy"), np.random.default_rng(seed).normal(size=(12, 3)))
        return file

    return write


def drawn(folder):
    return {path.name for path in (folder / "figures").rglob("embedding-*.png")}


@pytest.mark.parametrize("method", [pytest.param("tsne", marks=pytest.mark.slow), "pca"])
def test_one_picture_a_strategy(alframe, keep, tmp_path, method):
    keep("random", 1, features=False)
    for strategy, seed in (("random", 3), ("random", 2), ("badge", 10), ("badge", 9)):
        keep(strategy, seed)
    outcome = alframe("compare", "runs", "--figures", "figures", "--embedding", method)
    assert outcome.code == 0
    assert drawn(tmp_path) == {"embedding-badge.png", "embedding-random.png"}
    name = {"tsne": "t-SNE", "pca": "principal components"}[method]
    assert outcome.err.splitlines()[:2] == [
        f"{name} of digits/s: badge, seed 9",
        f"{name} of digits/s: random, seed 2",
    ]
    svg = (tmp_path / "figures/digits/s/embedding-badge.svg").read_text()
    assert "<!-- digits, s: badge, seed 9 -->" in svg


def test_who_kept_none_is_named(alframe, keep, tmp_path):
    keep("badge", 1)
    keep("random", 1, features=False)
    (keep("margin", 1).with_name("features.npy")).write_bytes(b"half")
    outcome = alframe("compare", "runs", "--figures", "figures", "--embedding", "pca")
    assert outcome.code == 0
    assert "note: digits/s: no picture of random: no trial kept its features" in outcome.err
    assert "note: runs/digits/s/margin/seed-1/features.npy: no picture: damaged or cut off" in outcome.err
    assert drawn(tmp_path) == {"embedding-badge.png"}


def test_nobody_kept_features(alframe, runs):
    outcome = alframe("compare", "runs", "--figures", "figures", "--embedding", "pca")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(
        "error: no run here kept its features; `alframe run ... -o run.keep_features"
    )


def test_without_a_folder(alframe, runs):
    outcome = alframe("compare", "runs", "--embedding", "pca")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "error: --embedding draws figures: name a folder for them with --figures\n"


def draw(rounds, **counts):
    figure = Figure(layout="constrained")
    points = np.random.default_rng(0).normal(size=(len(rounds), 2))
    rounds = np.array(rounds)
    counts = {"queried": int((rounds >= 0).sum()), "pool": len(rounds)} | counts
    draw_embedding(figure, Picture(points, rounds, method="pca", **counts), "where")
    figure.draw_without_rendering()
    return figure, points


def test_grey_crosses_and_colours_by_round():
    figure, points = draw([-1, -1, 0, 1, 1, 2, 3])
    grey, first, later = figure.axes[0].collections
    for drawn_points, rows in ((grey, slice(0, 2)), (first, slice(2, 3)), (later, slice(3, 7))):
        assert np.array_equal(drawn_points.get_offsets(), points[rows])
    colours = later.get_facecolors()
    assert np.array_equal(colours[0], colours[1])
    lightness = colours[1:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) < -0.1).all()  # later rounds are darker, in black and white, too
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == ["1", "2", "3"]
    assert "2 unlabelled (grey), 5 labelled" in figure.axes[0].get_xlabel()


def test_what_is_not_drawn_is_said():
    figure, _ = draw([-1, 0, 1], queried=20, pool=5000)
    assert "1 of 4,980 unlabelled (grey), 2 of 20 labelled" in figure.axes[0].get_xlabel()


@pytest.mark.parametrize("rounds", [[0, 0, 0], [-1, -1], [1, 2], [0, *range(1, 40)]])
def test_a_kind_that_is_missing_and_many_rounds(rounds):
    figure, _ = draw(rounds)
    assert len(figure.axes) == (2 if max(rounds) > 0 else 1)
