import pytest
import torch

from alframe.ops import dropout_mask

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]


def draw(shape, rate, seed=0, dtype=torch.float32, device="cpu"):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    like = torch.empty(shape, dtype=dtype, device=device)
    return dropout_mask(like, rate, torch.Generator(device).manual_seed(seed))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.97])
def test_the_share_that_is_dropped(rate, device):
    """Of each of the four numbers that come of a draw, too: within five standard deviations."""
    mask = draw((100_000, 4), rate, device=device)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    tolerance = 5 * (rate * (1 - rate) / len(mask)) ** 0.5
    assert ((mask.mean(dim=0) - (1 - rate)).abs() < tolerance).all()


def test_numbers_are_independent():
    mask = draw((100_000, 8), 0.3).double()
    others = torch.corrcoef(mask.T) - torch.eye(8)
    assert others.abs().max() < 5 / 100_000**0.5
    rows = torch.corrcoef(torch.stack([mask[:-1].flatten(), mask[1:].flatten()]))[0, 1]
    assert rows.abs() < 5 / 800_000**0.5


@pytest.mark.parametrize(("rate", "wanted"), [(0.0, 1.0), (1 - 1e-9, 0.0)])
def test_rates_at_the_ends(rate, wanted):
    assert (draw((1000,), rate) == wanted).float().mean() > 0.99
    assert rate or (draw((1000,), rate) == 1).all()


@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (5, 7, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_any_shape_and_dtype(shape, dtype):
    mask = draw(shape, 0.5, dtype=dtype)
    assert mask.shape == shape
    assert mask.dtype == dtype


def test_a_transposed_tensor():
    like = torch.empty(3, 5).T
    assert dropout_mask(like, 0.5).shape == like.shape


def test_the_generator_decides():
    assert torch.equal(draw((50, 3), 0.5), draw((50, 3), 0.5))
    assert not torch.equal(draw((50, 3), 0.5), draw((50, 3), 0.5, seed=1))
    before = torch.get_rng_state()
    draw((50, 3), 0.5)
    assert torch.equal(torch.get_rng_state(), before)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert torch.equal(dropout_mask(torch.empty(50, 3), 0.5), draw((50, 3), 0.5))
