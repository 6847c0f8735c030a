"""Data sets: samples in memory, of which some labels may be unknown."""

from __future__ import annotations

import dataclasses
import functools
import math
import operator
from collections.abc import Callable

import torch
from torch import Tensor

from alframe.data.image_files import ImageFiles
from alframe.data.one_class import why_no_classes
from alframe.data.samples import Transform, as_float32
from alframe.errors import UsageError

UNKNOWN = -1
HALF = (torch.float16, torch.bfloat16)


@dataclasses.dataclass(frozen=True)
class Normalize:
    """Makes network inputs of images that are stored as bytes: ``(x / 255 - mean) / std`` of each channel.

    Args:
        mean: mean of each channel of the training images in 0..1.
        std: standard deviation of the same, above 0.

    Example:
        >>> import torch
        >>> white = torch.full((1, 1, 1, 1), 255, dtype=torch.uint8)
        >>> Normalize((0.5,), (0.25,))(white).item()
        2.0
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, images: Tensor) -> Tensor:
        """``n x channels x h x w`` float32 of as many bytes."""
        mean, std = (_columns(values, images.device) for values in (self.mean, self.std))
        return images.to(torch.float32).div_(255).sub_(mean).div_(std)

    @classmethod
    def of(cls, images: Tensor) -> Normalize:
        """By the statistics of these images: ``n x channels x h x w`` bytes; a constant channel becomes 0."""
        count = images.numel() // images.shape[1]
        sums, squares = images.sums if isinstance(images, ImageFiles) else _sums(images)
        # whole numbers: exact, however many images there are
        spread = [count * b - a * a for a, b in zip(sums, squares, strict=True)]
        mean = tuple(a / (255 * count) for a in sums)
        return cls(mean, tuple(max(math.sqrt(square) / (255 * count), 1e-6) for square in spread))


def _sums(images: Tensor) -> tuple[list[int], list[int]]:
    """Of each channel the sum of all bytes, and of their squares."""
    channels = range(images.shape[1])
    counts = [images[:, channel].flatten().bincount(minlength=256).tolist() for channel in channels]
    powers = ([value**power for value in range(256)] for power in (1, 2))
    sums, squares = ([sum(map(operator.mul, of, count)) for count in counts] for of in powers)
    return sums, squares


@functools.lru_cache(maxsize=64)
def _columns(values: tuple[float, ...], device: torch.device) -> Tensor:
    """``channels x 1 x 1``, kept: to bring numbers to a GPU is to wait for it."""
    with torch.inference_mode(False):
        return torch.tensor(values, device=device)[:, None, None]


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Samples, their labels as far as they are known, and a test part.

    Args:
        name: short name for folders and tables.
        inputs: ``M x ...`` floating-point tensor, as the network takes it, or what ``transform`` takes. Half
            precision stays as it is in memory; the network gets float32 of it, a batch at a time.
        targets: ``M`` class numbers (int64); -1 where the label is unknown.
        num_classes: number of classes, at least 2.
        test_inputs: inputs of the test part, or None.
        test_targets: labels of the test part, or None.
        fit: what is to be learned from the training inputs alone, as a standardisation is: takes them and
            returns a function of inputs. `split_test` and `prepared` apply it, or where inputs are bytes make
            it the ``transform``; before, inputs may hold NaN, and be float64 where digits count.
        transform: makes network inputs of inputs, a batch at a time, as `Normalize` does of images, which
            stay bytes in memory; it keeps the shape.
        notes: what the reader had to guess or left out, a line each, with the option that says otherwise.
        details: what was made of each part of the source, as of a table's columns, a line each.

    Raises:
        UsageError: lengths, types or labels that don't fit together; the message names them.
    """

    name: str
    inputs: Tensor
    targets: Tensor
    num_classes: int
    test_inputs: Tensor | None = None
    test_targets: Tensor | None = None
    fit: Callable[[Tensor], Transform] | None = None
    transform: Transform | None = None
    notes: tuple[str, ...] = ()
    details: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Checks that the parts fit together."""
        if self.num_classes < 2:
            raise UsageError(f"data set {self.name!r} has {self.num_classes} class; at least 2 are needed")
        if (self.test_inputs is None) != (self.test_targets is None):
            raise UsageError(
                f"data set {self.name!r}: test inputs and test targets come together or not at all"
            )
        self._check_part("training", self.inputs, self.targets, lowest=UNKNOWN)
        parts = [part for part in (self.inputs, self.test_inputs) if part is not None]
        if self.transform is None and self.fit is None and any(part.dtype in HALF for part in parts):
            object.__setattr__(self, "transform", as_float32)
        if self.test_inputs is not None and self.test_targets is not None:
            self._check_part("test", self.test_inputs, self.test_targets, lowest=0)
            if self.test_inputs.shape[1:] != self.inputs.shape[1:]:
                raise UsageError(
                    f"data set {self.name!r}: training samples have shape {tuple(self.inputs.shape[1:])}, "
                    f"test samples {tuple(self.test_inputs.shape[1:])}"
                )

    def _check_part(self, part: str, inputs: Tensor, targets: Tensor, lowest: int) -> None:
        where = f"data set {self.name!r}, {part} part"
        if len(inputs) != len(targets):
            raise UsageError(f"{where}: {len(inputs)} inputs but {len(targets)} targets")
        if len(inputs) == 0:
            raise UsageError(f"{where}: there are no samples")
        if inputs.numel() == 0:
            raise UsageError(f"{where}: samples of shape {tuple(inputs.shape[1:])} hold no numbers")
        is_made_later = self.transform is not None or (self.fit is not None and inputs.dtype == torch.uint8)
        if not (inputs.is_floating_point() or is_made_later):
            raise UsageError(
                f"{where}: inputs must be floating-point numbers, or have a transform, got {inputs.dtype}"
            )
        if targets.dtype != torch.int64 or targets.ndim != 1:
            raise UsageError(f"{where}: targets must be one int64 a sample, got {_not_one(targets)}")
        low, high = targets.aminmax()
        if low < lowest or high >= self.num_classes:
            raise UsageError(
                f"{where}: targets must lie in {lowest}..{self.num_classes - 1}, "
                f"got {low.item()}..{high.item()}"
            )
        if self.fit is not None or not inputs.is_floating_point():
            return
        low, high = inputs.aminmax()
        if not (torch.isfinite(low) and torch.isfinite(high)):
            raise UsageError(f"{where}: inputs contain NaN or infinite values; impute or remove them first")

    def __len__(self) -> int:
        return len(self.inputs)

    def to(self, device: torch.device | str) -> Dataset:
        """The same data set with its tensors on ``device``."""
        return dataclasses.replace(
            self,
            inputs=self.inputs.to(device),
            targets=self.targets.to(device),
            test_inputs=None if self.test_inputs is None else self.test_inputs.to(device),
            test_targets=None if self.test_targets is None else self.test_targets.to(device),
        )

    def example(self) -> Tensor:
        """One sample as the network takes it: ``1 x ...``."""
        first = self.inputs.index_select(0, torch.zeros(1, dtype=torch.int64, device=self.inputs.device))
        return first if self.transform is None else self.transform(first)

    def near(self, device: torch.device) -> Dataset:
        """The data set on ``device``, or where it is if it would take more than half of that GPU's memory.

        What is yet to be made of float64 stays where it is, too: not every device has float64.
        """
        if self.fit is not None and self.inputs.dtype == torch.float64:
            return self
        if any(isinstance(part, ImageFiles) for part in (self.inputs, self.test_inputs)):
            return self
        if device.type == "cuda" and self.inputs.device != device:
            size = sum(part.nbytes for part in (self.inputs, self.test_inputs) if part is not None)
            if size > torch.cuda.mem_get_info(device)[0] / 2:
                return self
        return self.to(device)

    def hide_labels(self, keep: Tensor | None = None) -> Dataset:
        """The same data set with the labels unknown, but for the positions in ``keep``.

        Example:
            >>> import torch
            >>> data = Dataset("toy", torch.zeros(3, 2), torch.tensor([0, 1, 1]), num_classes=2)
            >>> data.hide_labels(keep=torch.tensor([1])).targets
            tensor([-1,  1, -1])
        """
        hidden = torch.full_like(self.targets, UNKNOWN)
        if keep is not None:
            hidden[keep] = self.targets[keep]
        return dataclasses.replace(self, targets=hidden)

    def split_test(self, fraction: float, generator: torch.Generator) -> Dataset:
        """Holds out a share of the labelled samples, drawn at random, as the test part.

        Args:
            fraction: share of the labelled samples, between 0 and 1.
            generator: a CPU generator.
        """
        labelled = (self.targets != UNKNOWN).nonzero()[:, 0]
        count = round(len(labelled) * fraction)
        if not 0 < count < len(labelled):
            of_them = "" if len(labelled) == len(self) else f", {len(labelled)} of them labelled"
            raise UsageError(
                f"data set {self.name!r} has {len(self)} samples{of_them}: test_fraction {fraction} leaves "
                "nothing to train or nothing to test on"
            )
        order = torch.randperm(len(labelled), generator=generator).to(self.targets.device)
        test = labelled[order[:count]].sort().values
        is_train = torch.ones(len(self), dtype=torch.bool, device=self.targets.device)
        is_train[test] = False
        train = is_train.nonzero()[:, 0]
        return dataclasses.replace(
            self,
            inputs=self.inputs[train],
            targets=self.targets[train],
            test_inputs=self.inputs[test],
            test_targets=self.targets[test],
        ).prepared()

    def long_tailed(self, imbalance: float, generator: torch.Generator) -> Dataset:
        """Keeps fewer training samples of each next class, as long-tailed data have; the test part stays.

        Of ``C`` classes class ``c`` keeps ``m imbalance^(c / (C-1))`` samples, drawn at random, or all it
        has; ``m`` is the largest class's number (Cui et al., CVPR 2019, arXiv 1901.05555, section 5.1).

        Args:
            imbalance: samples of the last class for one of the first, above 0 and up to 1.
            generator: a CPU generator.
        """
        targets = self.targets.cpu()
        largest = int(targets[targets != UNKNOWN].bincount(minlength=self.num_classes).max())
        kept = [(targets == UNKNOWN).nonzero()[:, 0]]
        for label in range(self.num_classes):
            members = (targets == label).nonzero()[:, 0]
            share = imbalance ** (label / (self.num_classes - 1))
            order = torch.randperm(len(members), generator=generator)
            kept.append(members[order[: max(1, round(largest * share))]])
        rows = torch.cat(kept).sort().values.to(self.inputs.device)
        return dataclasses.replace(self, inputs=self.inputs[rows], targets=self.targets[rows])

    def prepared(self) -> Dataset:
        """The same data set with what ``fit`` learns from the training inputs put to use."""
        if self.fit is None:
            return self
        transform = self.fit(self.inputs)
        if self.inputs.dtype == torch.uint8:
            return dataclasses.replace(self, transform=transform, fit=None)
        test = None if self.test_inputs is None else transform(self.test_inputs)
        return dataclasses.replace(self, inputs=transform(self.inputs), test_inputs=test, fit=None)


def _not_one(targets: Tensor) -> str:
    """What targets are instead of one int64 a sample, and what to do."""
    numbers = targets.detach().cpu()
    problem = why_no_classes(
        (numbers.double() if numbers.is_floating_point() else numbers).numpy(), is_whole=False
    )
    makes = "targets.reshape(-1).long() makes them of class numbers"
    return f"{targets.dtype} of shape {tuple(targets.shape)}: {problem or makes}"
