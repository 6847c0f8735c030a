from alframe.comparison.calibration import Calibration, ReliabilityBin
from alframe.comparison.curves import CurvePoint
from alframe_cli.palette import looks
from alframe_cli.reliability_panels import reliability_panels


def test_what_the_page_draws():
    bins = [ReliabilityBin(3, 4, 0.25, 1.0), ReliabilityBin(7, 10, 0.5, 0.2), ReliabilityBin(14, 26, 1, 0.9)]
    found = {"a": Calibration(9, CurvePoint(9, 1, 0.12, None), CurvePoint(9, 1, 0.3, None), bins)}
    [panel] = reliability_panels(found, looks("a"))
    assert panel["words"] == "a: calibration error 0.120, Brier score 0.300"
    assert panel["line"] == "50.0,80.0 100,10.0"  # downwards is positive
    assert panel["gap"] == "50.0,80.0 100,10.0 100,0 50.0,50.0"
    assert panel["few"] == [(25.0, 0.0)]
    assert panel["bars"] == [(20.0, 4.0), (46.67, 10.0), (93.33, 26.0)]
    assert reliability_panels({}, {}) == []
