"""Calls from Python: queries, recipes and geometries of odd arguments; an answer given must be right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fuzzing import frames, learners
from fuzzing.callers import NUMBERS, call_case, dataset, like, require_picks
from fuzzing.case import Case, Draw, WrongAnswerError
from fuzzing.material import pool, rows
from fuzzing.strategies import strategies


def calls(draw: Draw) -> Case:
    """One call of the public interface."""
    return draw.random.choice(FAMILIES)(draw)


def _query(draw: Draw) -> Case:
    import torch

    import alframe

    arrays = pool()
    strategy = draw.random.choice(strategies())
    given: dict[str, Any] = dict(arrays)
    said: list[str] = []
    if draw.chance(0.15):
        given |= {"labelled_features": None, "labelled_targets": None}
        said.append("nothing labelled")
    for name in draw.random.sample(sorted(given), draw.random.choice([0, 1, 1, 2])):
        kind, given[name] = like(draw, given[name])
        said.append(f"{name}={kind}")
    n: Any = draw.random.choice(NUMBERS) if draw.chance(0.2) else draw.random.choice([1, 5, 28, 100])
    linear = torch.nn.Linear(4, 3)
    heads: dict[str, Any] = {
        "(W, b)": (given["weight"], given["bias"]),
        "(W, None)": (given["weight"], None),
        "linear": linear,
        "double": torch.nn.Linear(4, 3).double(),
        "wide": torch.nn.Linear(9, 3),
        "one output": torch.nn.Linear(4, 1),
        "W[:1]": (arrays["weight"][:1], arrays["bias"][:1]),
        "None": None,
        "W": arrays["weight"],
        "function": lambda x: x,
        "dropout": torch.nn.Sequential(torch.nn.Dropout(0.5), linear),
        "identity": torch.nn.Identity(),
        "()": (),
        "x": "x",
        "batch norm": torch.nn.Sequential(torch.nn.BatchNorm1d(4), linear),
        "half": torch.nn.Linear(4, 3).half(),
        "3": (1, 2, 3),
    }
    name = draw.random.choice(sorted(heads)) if draw.chance(0.3) else "(W, b)"
    more: dict[str, Any] = {"device": "cpu"}
    if draw.chance(0.15):
        extra: dict[str, Any] = {
            "seed": draw.random.choice(NUMBERS),
            "num_classes": draw.random.choice(NUMBERS),
            "stages": {"selct": "margin"},
            "options": {"cap": draw.random.choice(NUMBERS)},
            "device": draw.random.choice(["meta", "cuda:9", "", 3, "x", None]),
        }
        key = draw.random.choice(sorted(extra))
        more[key] = extra[key]
        said.append(f"{key}={extra[key]!r}")
    features = given["features"]
    shape = features.shape if hasattr(features, "shape") else None
    size = int(shape[0]) if shape else len(features) if isinstance(features, (list, tuple)) else None

    def call() -> None:
        labelled: Mapping[str, Any] = {key: given[key] for key in ("labelled_features", "labelled_targets")}
        result = alframe.query(
            strategy, features=given["features"], n=n, head=heads[name], **labelled, **more
        )
        require_picks(result.indices, n, size)
        if result.scores is not None and size is not None and len(result.scores) != size:
            raise WrongAnswerError(f"{len(result.scores)} scores of {size} rows")

    return call_case(call, f"alframe.query({strategy!r}, n={n!r}, head={name}, {', '.join(said)})")


def _recipe(draw: Draw) -> Case:
    """`Recipe` with values of other types; what is taken must train."""
    import dataclasses

    import alframe

    name = draw.random.choice([field.name for field in dataclasses.fields(alframe.Recipe)])
    number = draw.random.choice(NUMBERS)

    def call() -> None:
        try:
            recipe = alframe.Recipe(**{"epochs": 1, name: number})
        except (ValueError, TypeError):  # as dataclasses with ranges say it
            return
        large = isinstance(number, (int, float)) and abs(number) > 10**6
        if large:
            return
        learner = alframe.ActiveLearner(dataset().hide_labels(), "mlp", "margin", recipe=recipe, device="cpu")
        learner.tell(list(range(9)), dataset().targets[:9])
        learner.fit()

    return call_case(call, f"Recipe({name}={number!r})")


def _geometry(draw: Draw) -> Case:
    """Geometries: distances of points to themselves are 0 and none is negative, whatever the numbers."""
    import torch

    import alframe

    kind = draw.random.choice(["Euclidean", "OuterProduct", "SymmetricKL"])
    scale, offset = draw.random.choice([1.0, 1e-20, 1e4, 1e8]), draw.random.choice([0.0, 1.0, 1e4, 1e8])
    n = draw.random.choice([0, 1, 2, 20])
    x = torch.from_numpy(rows(20)[0][:n]).float() * scale + offset

    def call() -> None:
        if kind == "Euclidean":
            points: Any = alframe.Euclidean(x)
        elif kind == "OuterProduct":
            points = alframe.OuterProduct(x, x.flip(1))
        else:
            points = alframe.SymmetricKL(x.softmax(dim=1))
        distances = points.squared_distances(points)
        finite = distances[distances.isfinite()]
        if distances.isnan().any() or (finite < 0).any() or len(points) != n:
            raise WrongAnswerError(f"{kind}: distances are NaN or negative")
        if n and (distances.diagonal() != 0).any():
            raise WrongAnswerError(f"{kind}: a point lies away from itself")
        if len(points[:1]) != min(1, n):
            raise WrongAnswerError(f"{kind}: a slice has another length")

    return call_case(call, f"{kind}: {n} points, scale {scale}, offset {offset}")


FAMILIES = (
    *(_query, _query, _query, _query, learners.tell, learners.tell, learners.ask, learners.state),
    *(frames.frame, frames.frame, _recipe, _geometry),
)
