import itertools

import matplotlib
import pytest
from matplotlib.figure import Figure

from alframe.comparison.ranks import Ranks
from alframe_cli.figures import style
from alframe_cli.palette import looks
from alframe_cli.rank_figure import draw_ranks, groups


@pytest.mark.parametrize(
    ("ranks", "width", "found"),
    [
        ([1.0, 2.0], 0.5, []),
        ([1.0, 2.0], 1.0, []),  # a difference as large as the critical one is one
        ([1.0, 2.0], 1.1, [(0, 1)]),
        ([1.0, 1.5, 2.4, 4.0], 1.2, [(0, 1), (1, 2)]),
        ([1.5, 1.5, 3.0], 0.2, [(0, 1)]),
        ([1.0, 2.0, 3.0, 4.0], 9.0, [(0, 3)]),
    ],
)
def test_groups(ranks, width, found):
    assert groups(ranks, width) == found


def draw(names, means, width):
    with matplotlib.rc_context(style()):
        return _draw(names, means, width)


def _draw(names, means, width):
    figure = Figure()
    draw_ranks(figure, Ranks(tuple(names), tuple(means), 8, None, width, (), ()), looks(names))
    return figure


def test_names_ranks_and_bars():
    figure = draw(["a", "b", "long name"], [1.0, 2.0, 3.0], 1.5)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert {"a  1.00", "b  2.00", "3.00  long name", "1", "2", "3"} <= set(texts)
    assert "critical difference 1.50 (Nemenyi, 5 %)" in texts
    assert "mean ranks by area over 8 settings (1 is best)" in texts
    bars = [c for c in figure.axes[0].collections if c.get_linewidth() == [3]]
    assert len(bars) == 2
    low, high = bars[0].get_paths()[0].vertices[:, 0]
    assert (low, high) == pytest.approx((1, 2), abs=0.05)


def test_a_critical_difference_beyond_the_axis_is_said():
    texts = [text.get_text() for text in draw(["a", "b"], [1.0, 2.0], 1.2).axes[0].texts]
    assert any(text.endswith("more than any ranks can differ by") for text in texts)


@pytest.mark.parametrize(
    ("names", "width"),
    [
        ([f"a-rather-long-strategy-name-{k:02}" for k in range(14)], 4.0),
        (["badge+select=coreset+embed=cdal", "margin", "random"], 2.3),
        (["entropy", "random"], 1.39),  # beyond the axis, which is said in many words
    ],
)
def test_all_texts_lie_inside_the_figure_and_apart(names, width):
    figure = draw(names, [1.0 + k for k in range(len(names))], width)
    figure.draw_without_rendering()
    page = figure.get_window_extent()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert all(0 <= box.x0 < box.x1 <= page.width and 0 <= box.y0 < box.y1 <= page.height for box in boxes)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
