import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from alframe.comparison.compare import QueryCost
from alframe.comparison.curves import CurvePoint
from alframe.comparison.significance import PenaltyMatrix
from alframe_cli.figures import draw_curves, draw_matrix, draw_seconds, write_title
from alframe_cli.palette import COLOURS, looks


@pytest.fixture
def figure():
    return Figure(layout="constrained")


def cost(seconds, std=None):
    return QueryCost(seconds, std, None, None)


def test_a_curve_is_the_mean_and_its_band_one_deviation(figure):
    points = [CurvePoint(100, 5, 0.5, 0.1), CurvePoint(200, 5, 0.75, 0.0625)]
    draw_curves(figure, {"a": points, "b": [CurvePoint(100, 5, 0.25, 0.125)]}, looks("ab"), "where")
    [axes] = figure.axes
    means = [line for line in axes.lines if line.get_label() in "ab"]
    assert [line.get_xydata().tolist() for line in means] == [[[100, 0.5], [200, 0.75]], [[100, 0.25]]]
    corners = axes.collections[0].get_paths()[0].vertices
    assert {(100, 0.4), (100, 0.6), (200, 0.6875), (200, 0.8125)} <= set(map(tuple, corners.tolist()))
    assert axes.get_xlabel() == "labelled samples\nband: ± 1 standard deviation over 5 seeds"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]
    assert figure.get_suptitle() == "where"


def test_one_seed_has_no_band_and_the_number_of_seeds_may_differ(figure):
    draw_curves(figure, {"a": [CurvePoint(100, 1, 0.5, None)]}, looks("a"))
    assert "band" not in figure.axes[0].get_xlabel()
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["100"]
    figure.clear()
    curve = [CurvePoint(100, 5, 0.5, 0.1), CurvePoint(200, 4, 0.5, 0.1)]
    draw_curves(figure, {"a": curve}, looks("a"))
    assert "over 4 to 5 seeds" in figure.axes[0].get_xlabel()


def test_a_strategy_keeps_its_colour_and_marker(figure):
    given = looks(["a", "b", "c"])
    draw_curves(figure, {"c": [CurvePoint(100, 1, 0.5, None)]}, given)
    line = figure.axes[0].lines[-1]
    assert (to_hex(line.get_color()), line.get_marker()) == (COLOURS[2], "^")
    figure.clear()
    draw_seconds(figure, {"c": cost(1.0), "a": cost(0.5)}, given)
    assert [line.get_marker() for line in figure.axes[0].lines] == ["o", "^"]


def test_seconds_the_cheapest_first(figure):
    costs = {"a": cost(2.0, 0.5), "b": cost(0.01, 0.02), "c": cost(None), "d": cost(1234.0)}
    draw_seconds(figure, costs, looks("abcd"))
    [axes] = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a", "d"]
    assert axes.get_xscale() == "log"
    ends = [path.get_paths()[0].vertices[:, 0].tolist() for path in axes.collections]
    assert ends == [[0.001, 0.03], [1.5, 2.5], [1234, 1234]]  # the first would begin below 0
    assert [text.get_text() for text in axes.texts] == ["0.01", "2", "1,234"]
    figure.draw_without_rendering()
    assert "100" in [label.get_text() for label in axes.get_xticklabels()]


def test_no_seconds_at_all_of_one_strategy_make_a_linear_axis(figure):
    draw_seconds(figure, {"a": cost(0.0), "b": cost(2.0)}, looks("ab"))
    assert figure.axes[0].get_xscale() == "linear"


def test_the_matrix(figure):
    wins = np.array([[0.0, 1.0, np.nan], [0.25, 0.0, 0.5], [np.nan, 0.0, 0.0]])
    matrix = PenaltyMatrix(("a", "b", "c"), wins, 1)
    draw_matrix(figure, matrix, "where")
    axes = figure.axes[0]
    shown = [text.get_text() for text in axes.texts]
    penalties = [f"{value:.2f}" if np.isfinite(value) else "-" for value in matrix.penalties]
    assert shown == ["-", "1.00", "-", "0.25", "-", "0.50", "-", "0.00", "-", *penalties]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c", "penalty"]
    assert figure.axes[1].get_ylabel() == "share of rounds"


def test_a_sum_of_matrices(figure):
    draw_matrix(figure, PenaltyMatrix(("a", "b"), np.array([[0.0, 3.0], [0.0, 0.0]]), 3))
    assert figure.axes[1].get_ylabel() == "sum over 3 settings"
    assert figure.axes[0].images[0].get_clim() == (0, 3)


def test_a_long_title_is_wrapped(figure):
    write_title(figure, "x" * 200)
    assert len(figure.get_suptitle().splitlines()) > 1
