import pytest
import torch
from torchvision.transforms.v2.functional import resize

from alframe.ops import FitImages


@pytest.mark.parametrize(("shape", "size"), [((2, 3, 32, 32), 64), ((2, 1, 40, 28), 16), ((2, 3, 7, 9), 8)])
def test_resizing_is_torchvisions_smoothed_one(shape, size):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(FitImages(size)(x), resize(x, [size, size], antialias=True))


def test_a_grey_channel_is_repeated_and_others_are_left_alone():
    x = torch.randn(2, 1, 4, 4)
    fitted = FitImages(channels=3)(x)
    assert fitted.shape == (2, 3, 4, 4)
    assert all(torch.equal(fitted[:, channel], x[:, 0]) for channel in range(3))
    colour = torch.randn(2, 4, 4, 4)
    assert torch.equal(FitImages(channels=3)(colour), colour)


def test_images_of_that_size_pass_unchanged():
    x = torch.randn(2, 3, 8, 8)
    assert FitImages(8)(x) is x
    assert FitImages()(x) is x


def test_the_gradient_reaches_the_image():
    x = torch.randn(1, 1, 8, 8, requires_grad=True)
    FitImages(16, 3)(x).sum().backward()
    # every pixel of the larger image is a weighted mean of pixels of the smaller one, in three channels
    assert x.grad.sum().item() == pytest.approx(3 * 16 * 16, rel=1e-5)
    assert (x.grad > 0).all()
