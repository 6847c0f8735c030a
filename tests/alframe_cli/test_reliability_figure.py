import matplotlib
from matplotlib.figure import Figure

from alframe.comparison.calibration import Calibration, ReliabilityBin
from alframe.comparison.curves import CurvePoint
from alframe_cli.figures import style
from alframe_cli.palette import looks
from alframe_cli.reliability_figure import draw_reliability


def calibration(*bins, std=0.01):
    return Calibration(900, CurvePoint(900, 3, 0.123, std), CurvePoint(900, 3, 0.4, None), list(bins))


def test_a_panel_a_strategy():
    many, few = ReliabilityBin(7, 30, 0.5, 0.25), ReliabilityBin(3, 9, 0.25, 1.0)
    figure, names = Figure(), ["margin", "badge", "a name of many letters, longer than its panel", "d", "e"]
    draw_reliability(figure, dict.fromkeys(names, calibration(few, many)), looks(names), "digits, s")
    assert len(figure.axes) == 10
    diagram, histogram = figure.axes[:2]
    _, line, hollow = diagram.lines
    assert line.get_xydata().tolist() == [[0.5, 0.25]]
    assert hollow.get_xydata().tolist() == [[0.25, 1.0]]
    assert [round(bar.get_height(), 4) for bar in histogram.patches] == [0.2308, 0.7692]
    assert [round(bar.get_x(), 4) for bar in histogram.patches] == [0.2, 0.4667]
    assert [text.get_text() for text in diagram.texts] == ["ECE 0.123 ± 0.010\nBrier 0.400", "margin"]
    assert figure.get_suptitle() == "digits, s, 900 labels"
    assert "hollow: under 10 samples" in figure.texts[-1].get_text().replace("\n", " ")


def test_nothing_overlaps():
    names = ["margin", "alfamix cap=0.1, candidates_at_most=500", "c", "d", "e"]
    figure = Figure(dpi=300)
    bins = [ReliabilityBin(number, 50, (number + 0.5) / 15, 0.5) for number in range(15)]
    with matplotlib.rc_context(style()):
        draw_reliability(figure, dict.fromkeys(names, calibration(*bins)), looks(names), "digits, s")
        figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    boxes += [text.get_window_extent() for text in figure.texts]
    assert not [(a, b) for k, a in enumerate(boxes) for b in boxes[:k] if a.overlaps(b)]
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in boxes)
