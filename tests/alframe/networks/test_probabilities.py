import numpy as np
import pytest
import torch

from alframe import UsageError
from alframe.networks.probabilities import ask, checked, logits_of

P = np.array([[0.2, 0.8], [1.0, 0.0], [0.5, 0.5]])


class Gives:
    def __init__(self, given):
        self.given = given

    def predict_proba(self, samples):
        if isinstance(self.given, BaseException):
            raise self.given
        return self.given


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
def test_probabilities_of_any_precision_are_those(kind):
    probs = ask(Gives(P.astype(kind)), None, 3, 2)
    assert probs.dtype == (torch.float64 if kind is np.float64 else torch.float32)
    np.testing.assert_allclose(probs.sum(dim=1), 1, atol=1e-6)
    np.testing.assert_allclose(probs, P, atol=1e-3)


@pytest.mark.parametrize("off", [0, 5e-4])
def test_what_nearly_adds_up_to_1_does_so_and_the_given_array_is_left_as_it_is(off):
    given = P * (1 + off)
    given[1, 1] = -1e-9
    kept = given.copy()
    probs = checked(given, "probs")
    np.testing.assert_allclose(probs.sum(dim=1), 1, atol=2e-9)
    assert float(probs.min()) >= 0
    np.testing.assert_array_equal(given, kept)


def test_logits_are_finite_and_their_softmax_is_the_probabilities():
    logits = logits_of(torch.tensor(P))
    assert logits.isfinite().all()
    torch.testing.assert_close(logits.softmax(dim=1), torch.tensor(P).float())
    near = torch.tensor([[1 - 1e-12, 1e-12]], dtype=torch.float64)
    assert float(logits_of(near)[0, 0]) == pytest.approx(-1e-12, rel=1e-3)


def test_no_rows_are_no_rows():
    assert checked(np.empty((0, 3)), "probs").shape == (0, 3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (ValueError("a\nb"), "Gives.predict_proba can't take these samples: ValueError: a b"),
        (SystemExit(), "SystemExit"),
        (P[:, 1], r"N x C, got shape \[3\]: of two classes give both columns"),
        (P[:, 1:], r"got shape \[3, 1\]: of two classes"),
        (P[None], r"got shape \[1, 3, 2\]"),
        (P[:2], "there are 3 samples, and probabilities of 2"),
        (np.full((3, 4), 0.25), "2 classes, and 4 columns"),
        (P * 100, "row 0 adds up to 100: these are percent"),
        (P * 3 - 1, r"row 0 has -0.4, .* logits"),
        (P + 0.1, "row 0 has|row 0 adds up to 1.2"),
        (P * 0.9, "row 0 adds up to 0.9"),
        (np.where(P == 1, np.nan, P), "row 1 has NaN or infinite values"),
        ([P, P], "gives 2 arrays, .* one label a sample"),
        (np.array([["a", "b"]] * 3), "wanted an array of probabilities"),
        (None, "wanted an array of probabilities"),
    ],
)
def test_what_are_no_probabilities_is_one_line(given, message):
    with pytest.raises(UsageError, match=message) as caught:
        ask(Gives(given), None, 3, 2)
    assert "\n" not in str(caught.value)
