"""Images as a network takes them."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


class FitImages(nn.Module):
    """Resizes images and repeats a grey channel, batch by batch on their device; gradients pass.

    Put before a body, it lets a network that was made for images of 3 x 224 x 224 work on 1 x 28 x 28: the
    data set stays small in memory, and so does the image that a gradient is asked for.

    Args:
        size: height and width of the result, or None to keep them; bilinear, smoothed where it shrinks.
        channels: a lone channel is repeated to as many; None leaves the channels alone.

    Example:
        >>> import torch
        >>> FitImages(size=64, channels=3)(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 3, 64, 64])
    """

    def __init__(self, size: int | None = None, channels: int | None = None) -> None:
        super().__init__()
        self.size = size
        self.channels = channels

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n C H W"]:
        """The images, ``n x C x H x W``."""
        if self.size is not None and x.shape[2:] != (self.size, self.size):
            x = nn.functional.interpolate(x, size=(self.size, self.size), mode="bilinear", antialias=True)
        if self.channels is not None and x.shape[1] == 1:
            x = x.expand(-1, self.channels, -1, -1)
        return x
