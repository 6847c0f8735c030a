"""Logistic regression on features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from alframe import Classifier, Context, LabelledView, TrainResult, TrialError, UsageError

GRADIENT_TOLERANCE = 1e-6


def probe(
    model: Classifier,
    labelled: LabelledView,
    validation: LabelledView | None,
    c: float,
    iterations: int,
    ctx: Context,
) -> TrainResult:
    """Fits ``model.head`` in place; its body is not touched.

    Minimises the mean cross-entropy plus ``|W|^2 / (2 c L)`` over ``W [C, D]`` and the biases, which is
    scikit-learn's ``LogisticRegression(C=c)``, by L-BFGS from where the head is.

    Args:
        model: a network whose head is one linear layer.
        labelled: ``L`` samples to fit.
        validation: samples whose accuracy is reported, or None.
        c: inverse of the penalty's weight.
        iterations: most iterations.
        ctx: device and progress.

    Raises:
        UsageError: the head is not one linear layer.
        TrialError: the loss is not a number.
    """
    head = model.head
    if not isinstance(head, nn.Linear):
        raise UsageError(f"linear-probe needs a head of one linear layer, got {type(head).__name__}")
    features, targets = labelled.features, labelled.targets
    optimizer = torch.optim.LBFGS(
        head.parameters(),
        max_iter=iterations,
        max_eval=2 * iterations,
        tolerance_grad=GRADIENT_TOLERANCE,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        optimizer.zero_grad(set_to_none=True)
        penalty = head.weight.square().sum() / (2 * c * len(targets))
        value = functional.cross_entropy(head(features), targets) + penalty
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
    optimizer.zero_grad(set_to_none=True)
    steps = int(optimizer.state[head.weight]["n_iter"])
    ctx.progress(steps, steps)
    accuracy, final = _judged(head, labelled)
    if final != final:
        raise TrialError(
            "the loss of the linear probe became NaN: the features are too large, or not numbers"
        )
    judged = None if validation is None else _judged(head, validation)[0]
    return TrainResult(steps, accuracy, final, judged, None if judged is None else steps)


@torch.no_grad()
def _judged(head: nn.Module, view: LabelledView) -> tuple[float, float]:
    """Accuracy and mean cross-entropy."""
    logits = head(view.features)
    right = (logits.argmax(dim=1) == view.targets).float().mean().item()
    return right, functional.cross_entropy(logits, view.targets).item()
