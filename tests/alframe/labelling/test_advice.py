import pytest

from alframe.labelling.advice import Gain, Track, advise, reached
from alframe.labelling.estimates import Interval, paired_gain, wilson

SURE = Interval(0.97, 0.955, 0.98, 400)
DOUBTFUL = Interval(0.94, 0.88, 0.97, 100)
FLAT = Gain(100, Interval(0.002, -0.004, 0.009, 400))
STEEP = Gain(120, Interval(0.06, 0.02, 0.1, 100))


@pytest.mark.parametrize(
    ("facts", "last"),
    [
        ((None,), "no audit sample has a label yet: there is no estimate of the accuracy"),
        ((SURE, None, None, 0.95), "the accuracy that was wanted, 0.95, is reached: stopping is reasonable"),
        ((DOUBTFUL, STEEP, 0.9, 0.99), "the accuracy that was wanted, 0.99, is not reached: go on"),
        ((DOUBTFUL, STEEP, 0.9, None), "labels still pay: go on"),
        ((SURE, FLAT, 0.995, None), "stopping is reasonable"),
        ((SURE, FLAT, 0.97, None), "the model's answers still change (kappa 0.970)"),
        ((SURE, FLAT, None, None), "the last 100 labels changed the accuracy by -0.4 to +0.9 points"),
        (
            (DOUBTFUL, None, 0.9, 0.95),
            "whether 0.95 is reached can't be told yet: more audit samples would tell",
        ),
    ],
)
def test_the_last_words(facts, last):
    assert advise(*facts)[-1] == last


def test_the_facts_come_first():
    assert advise(SURE, FLAT, 0.995) == [
        "the accuracy is about 0.97 (0.95 to 0.98, 400 audit samples)",
        "the last 100 labels changed the accuracy by -0.4 to +0.9 points",
        "the model's answers have settled (kappa 0.995)",
        "stopping is reasonable",
    ]
    assert (
        advise(wilson(1, 1))[0]
        == "the accuracy is about 1.00 (a first estimate, 0.21 to 1.00, 1 audit sample)"
    )


def test_reached_is_where_the_lower_end_is():
    assert reached(SURE, 0.955)
    assert not reached(SURE, 0.96)
    assert not reached(None, 0.5)
    assert not reached(SURE, None)


def test_what_the_last_labels_gained():
    track, truth = Track(), {3: 0, 5: 1, 9: 1, 12: 0}
    assert track.gain(truth) is None
    track.add(20, {3: 1, 5: 1, 9: 0, 12: 0})
    assert track.gain(truth) is None
    track.add(110, {3: 0, 5: 1, 9: 0, 12: 0})
    track.add(130, {3: 0, 5: 0, 9: 1, 12: 0, 40: 1})
    found = track.gain(truth)
    assert found == Gain(110, paired_gain(2, 1, 4))
    assert track.gain(truth, labels=20) == Gain(20, paired_gain(1, 1, 4))
    assert track.gain({}) is None
    assert track.gain({40: 1}) is None  # the earlier network never saw it
