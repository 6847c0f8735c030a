import numpy as np
import pytest
import torch
from scipy import special

import alframe
from alframe_entropy._entropy import entropy


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("classes", [2, 100])
@pytest.mark.parametrize("seed", range(3))
def test_is_the_formula_in_float64(seed, classes, dtype):
    logits = torch.randn(50, classes, generator=torch.Generator().manual_seed(seed), dtype=dtype) * 3
    p = special.softmax(logits.double().numpy(), axis=1)
    np.testing.assert_allclose(entropy(logits), special.entr(p).sum(1), rtol=1e-4, atol=1e-6)


def test_zero_times_log_zero_is_zero():
    logits = torch.tensor([[0.0, -torch.inf, 0.0], [500.0, 0.0, -500.0]])
    values = entropy(logits)
    assert values[0] == pytest.approx(np.log(2))
    assert values[1] == 0


def test_logits_of_size_100_keep_their_order():
    values = entropy(torch.tensor([[100.0, 99.0], [100.0, 50.0], [100.0, 100.0]]))
    assert not values.isnan().any()
    assert values.argsort(descending=True).tolist() == [2, 0, 1]


def test_a_sample_with_an_exact_zero_can_be_chosen():
    """Published code turns it into NaN, which sorts last."""
    features = np.array([[0.0, -3e38, 0.0], [20.0, 0.0, 0.0], [10.0, 0.0, 0.0]])
    result = alframe.query("entropy", features=features, head=(np.eye(3), None), n=1, device="cpu")
    assert result.indices.tolist() == [0]
