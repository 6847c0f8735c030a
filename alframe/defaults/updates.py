"""The optimisers' fused steps, without what `torch.optim` does beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from alframe.contract.recipe import Recipe

BETAS = (0.9, 0.999)  # of Adam; these and EPS are torch's defaults
EPS = 1e-8


class _Moments(NamedTuple):
    """Parameters of one dtype, and what an optimiser keeps of each."""

    parameters: list[Tensor]
    first: list[Tensor]
    second: list[Tensor]
    steps: list[Tensor]


class Update:
    """Moves a network's parameters along their gradients: the steps of torch's optimiser of that name.

    They call the same kernels, and give the same numbers bit for bit. An optimiser of torch enters the
    profiler, calls hooks and sorts its tensors by device and dtype in each step; of a small network on a CPU
    that takes as long as the forward pass. On other devices the learning rate is a number on the device, so
    that a step waits for nothing and a CUDA graph can hold it.

    Args:
        model: the network; parameters that ask for no gradient, or have none in a step, stay as they are.
        recipe: names the optimiser and its settings.
    """

    def __init__(self, model: nn.Module, recipe: Recipe) -> None:
        self._recipe = recipe
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._rate: float | Tensor = recipe.learning_rate
        if self.parameters and self.parameters[0].device.type != "cpu":
            self._rate = torch.tensor(recipe.learning_rate, device=self.parameters[0].device)
        self._groups = []
        for dtype in dict.fromkeys(parameter.dtype for parameter in self.parameters):
            group: list[Tensor] = [one for one in self.parameters if one.dtype == dtype]
            first, second = ([torch.zeros_like(one) for one in group] for _ in range(2))
            steps = [torch.zeros((), dtype=torch.float32, device=one.device) for one in group]
            self._groups.append(_Moments(group, first, second, steps))

    def continued(self, model: nn.Module, part: Callable[[Tensor], Tensor]) -> Update:
        """The same for a network each of whose parameters is a part of one of this one's.

        Args:
            model: the network.
            part: makes of what is kept of a parameter what is kept of its part.
        """
        other = Update(model, self._recipe)
        for new, old in zip(other._groups, self._groups, strict=True):
            new.first[:] = map(part, old.first)
            new.second[:] = map(part, old.second)
            new.steps[:] = [step.clone() for step in old.steps]
        return other

    def state(self) -> list[Tensor]:
        """The parameters, and what is kept of each."""
        return [value for group in self._groups for values in group for value in values]

    def set_rate(self, factor: float) -> None:
        """Sets the learning rate to the recipe's times a factor."""
        rate = self._recipe.learning_rate * factor
        if isinstance(self._rate, Tensor):
            self._rate.fill_(rate)
        else:
            self._rate = rate

    def forget_gradients(self) -> None:
        """Leaves the parameters without gradients, and their memory to others."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def __call__(self) -> None:
        """One step along the gradients that the parameters have."""
        for group in self._groups:
            gradients = [parameter.grad for parameter in group.parameters]
            if any(gradient is None for gradient in gradients):
                have = [place for place, gradient in enumerate(gradients) if gradient is not None]
                if not have:
                    continue
                group = _Moments(*([values[place] for place in have] for values in group))
                gradients = [gradients[place] for place in have]
            self._move(group, gradients)  # type: ignore[arg-type]

    def _move(self, group: _Moments, gradients: list[Tensor]) -> None:
        recipe = self._recipe
        if recipe.optimizer == "sgd":
            # a buffer of zeros gives what torch's first step gives, and the first step is like all others
            torch._fused_sgd_(
                group.parameters,
                gradients,
                group.first if recipe.momentum else [],
                weight_decay=recipe.weight_decay,
                momentum=recipe.momentum,
                lr=self._rate,
                dampening=0.0,
                nesterov=recipe.nesterov,
                maximize=False,
                is_first_step=False,
            )
            return
        torch._foreach_add_(group.steps, 1)
        move = torch._fused_adamw_ if recipe.optimizer == "adamw" else torch._fused_adam_
        move(
            group.parameters,
            gradients,
            group.first,
            group.second,
            [],
            group.steps,
            lr=self._rate,
            beta1=BETAS[0],
            beta2=BETAS[1],
            weight_decay=recipe.weight_decay,
            eps=EPS,
            amsgrad=False,
            maximize=False,
        )
