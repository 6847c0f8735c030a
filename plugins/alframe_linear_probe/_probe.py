"""Logistic regression on features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from alframe import Classifier, Context, LabelledView, Training, TrainResult, TrialError, UsageError
from alframe_linear_probe._newton import Regressions, minimise

if TYPE_CHECKING:
    from alframe_linear_probe import Options


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
    scikit-learn's ``LogisticRegression(C=c)``, by Newton's method from where the head is.

    Args:
        model: a network whose head is one linear layer.
        labelled: ``L`` samples to fit.
        validation: samples whose accuracy is reported, or None.
        c: inverse of the penalty's weight.
        iterations: most steps.
        ctx: device and progress.

    Raises:
        UsageError: the head is not one linear layer.
        TrialError: the loss is not a number.
    """
    (result,) = fit([Training(model, labelled, validation, ctx, seed=0)], c, iterations)
    if isinstance(result, TrialError):
        raise result
    return result


def probe_together(
    trainings: Sequence[Training], c: float, iterations: int
) -> list[TrainResult | TrialError] | None:
    """Fits several networks' heads, each as `probe` does: on a GPU at once, on the CPU one after the other.

    On a CPU the samples of one stay in the cache from step to step, and those of several do not. Each comes
    to the optimum that it comes to alone, which is met up to a gradient of 1e-6; probabilities agree to 1e-4.

    Args:
        trainings: the networks, and the samples that each is fitted to.
        c: inverse of the penalty's weight.
        iterations: most steps.

    Returns:
        For each training how it went, or the error of one whose loss is not a number; None where heads differ
        in size.

    Raises:
        UsageError: a head is not one linear layer.
    """
    if len({(str(_linear(one.model)), one.validation is None) for one in trainings}) > 1:
        return None
    groups = [trainings] if trainings[0].ctx.device.type == "cuda" else [[one] for one in trainings]
    return [result for group in groups for result in fit(group, c, iterations)]


def fit(trainings: Sequence[Training], c: float, iterations: int) -> list[TrainResult | TrialError]:
    """Fits heads of one size at once.

    Args:
        trainings: as of `probe_together`.
        c: inverse of the penalty's weight.
        iterations: most steps.
    """
    heads = [_linear(training.model) for training in trainings]
    problem = _problem(heads, [training.labelled for training in trainings], c)
    w, steps = minimise(problem, torch.stack([_weights(head) for head in heads]), iterations)
    for head, found in zip(heads, w, strict=True):
        _set_weights(head, found)
    z = problem.logits(w)
    rights = ((z.argmax(dim=1) == problem.y) & (problem.share[:, 0] > 0)).sum(dim=1)
    numbers = [steps, rights, problem.losses(z)]
    if trainings[0].validation is not None:
        numbers.append(torch.stack([_accuracy(training) for training in trainings]))
    read = torch.stack([number.float() for number in numbers]).T.tolist()  # a GPU is waited for once
    return [_result(training, *row) for training, row in zip(trainings, read, strict=True)]


def bootstrap(
    model: Classifier, labelled: LabelledView, options: Options, generator: torch.Generator
) -> list[dict[str, Tensor]]:
    """Weights of heads that are each fitted to ``L`` samples drawn from the labelled set with replacement.

    Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 1979.

    Args:
        model: a network whose head is one linear layer, from whose weights the heads start.
        labelled: the ``L`` samples.
        options: how many heads, and how each is fitted.
        generator: a CPU generator.
    """
    head, size, members = _linear(model), len(labelled), options.members
    problem = _problem([head], [labelled], options.c)
    drawn = torch.randint(size, (members, size), generator=generator)
    counts = torch.zeros(members, size).scatter_add_(1, drawn, torch.ones(members, size))
    shares = (counts / size)[:, None].to(problem.x)
    of_all = Regressions(
        problem.x.expand(members, -1, -1),
        problem.y.expand(members, -1),
        shares,
        problem.decay.expand(members, -1, -1),
        problem.free,
    )
    found, _ = minimise(of_all, _weights(head).expand(members, -1, -1), options.iterations)
    names = {"head.weight": found[:, :, : head.in_features]}
    if head.bias is not None:
        names["head.bias"] = found[:, :, -1]
    return [{name: values[one].clone() for name, values in names.items()} for one in range(members)]


def _result(
    training: Training, steps: float, right: float, loss: float, *judged: float
) -> TrainResult | TrialError:
    count = int(steps)
    training.ctx.progress(count, count)
    if loss != loss:
        return TrialError(
            "the loss of the linear probe became NaN: the features are too large, or not numbers"
        )
    accuracy = right / len(training.labelled)
    return (
        TrainResult(count, accuracy, loss, judged[0], count) if judged else TrainResult(count, accuracy, loss)
    )


def _linear(model: Classifier) -> nn.Linear:
    head = model.head
    if not isinstance(head, nn.Linear) or "weight" not in dict(head.named_parameters(recurse=False)):
        raise UsageError(f"linear-probe needs a head of one linear layer, got {type(head).__name__}")
    return head


def _problem(heads: Sequence[nn.Linear], views: Sequence[LabelledView], c: float) -> Regressions:
    """The heads' regressions: a bias is the weight of a last feature that is 1 everywhere."""
    one = heads[0]
    features = [view.features for view in views]
    sizes = torch.tensor([len(x) for x in features], dtype=one.weight.dtype)
    x = pad_sequence(features, batch_first=True)
    y = pad_sequence([view.targets for view in views], batch_first=True)
    share = (torch.arange(x.shape[1]) < sizes[:, None]) / sizes[:, None]
    penalised, free = [1.0] * one.in_features, [float(one.weight.requires_grad)] * one.in_features
    if one.bias is not None:
        x = nn.functional.pad(x, (0, 1), value=1.0)
        penalised, free = [*penalised, 0.0], [*free, float(one.bias.requires_grad)]
    decay = torch.tensor(penalised) / (c * sizes[:, None, None])
    return Regressions(x, y, share[:, None].to(x), decay.to(x), torch.tensor(free).to(x))


def _weights(head: nn.Linear) -> Tensor:
    """``C x E``: the weights, and the bias as a last column."""
    weight = head.weight.detach()
    return weight if head.bias is None else torch.cat([weight, head.bias.detach()[:, None]], dim=1)


@torch.no_grad()
def _set_weights(head: nn.Linear, found: Tensor) -> None:
    head.weight.copy_(found[:, : head.in_features])
    if head.bias is not None:
        head.bias.copy_(found[:, -1])


@torch.no_grad()
def _accuracy(training: Training) -> Tensor:
    view = training.validation
    assert view is not None
    return (training.model.head(view.features).argmax(dim=1) == view.targets).float().mean()
