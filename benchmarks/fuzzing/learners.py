"""`ActiveLearner`: what is told, asked and loaded is taken as it was meant, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from fuzzing.callers import NUMBERS, call_case, dataset, learner_of, require_picks
from fuzzing.case import Case, Draw, WrongAnswerError
from fuzzing.strategies import starts, strategies


def tell(draw: Draw) -> Case:
    """``tell``: what is taken is what was meant, or nothing is."""
    import pandas as pd
    import torch

    right = [int(dataset().targets[i]) for i in range(6)]
    ways: dict[str, tuple[Any, list[int] | None]] = {
        "list": (right, right),
        "tensor": (torch.tensor(right), right),
        "array": (np.array(right), right),
        "whole floats": (np.array(right, float), right),
        "Series": (pd.Series(right, index=range(500, 506)), right),
        "uint8": (np.array(right, "u1"), right),
        "big-endian": (np.array(right, ">i4"), right),
        "column": (np.array(right).reshape(-1, 1), right),
        "tuple": (tuple(right), right),
        "fractions": ([one + 0.7 for one in right], None),
        "NaN": ([float("nan"), *right[1:]], None),
        "infinity": ([float("inf"), *right[1:]], None),
        "None": ([None, *right[1:]], None),
        "-1": ([-1, *right[1:]], None),
        "large": ([2**40, *right[1:]], None),
        "huge": ([2**70, *right[1:]], None),
        "texts": ([str(one) for one in right], right),
        "words": (["cat"] * 6, None),
        "bytes": ([b"1"] * 6, None),
        "one-hot": (np.eye(3)[right], None),
        "ragged": ([[1], [2, 3], [], [1], [1], [1]], None),
        "short": (right[:3], None),
        "dict": (dict.fromkeys(range(6), 1), None),
        "NA": (pd.Series([pd.NA, *right[1:]], dtype="Int64"), None),
        "categorical": (pd.Categorical(["a", "b", "c"] * 2), None),
        "complex": (np.array(right) + 1j, None),
        "bool": ([True, False] * 3, None),
        "meta": (torch.empty(6, device="meta"), None),
        "objects": (np.array([object()] * 6), None),
        "generator": ((one for one in right), right),
        "masked": (np.ma.masked_array(np.array(right), mask=np.arange(6) == 0), None),
        "dates": (np.array(["2026-01-01"] * 6, "M8[D]"), None),
    }
    places: dict[str, tuple[Any, list[int] | None]] = {
        "positions": (list(range(6)), list(range(6))),
        "tensor": (torch.arange(6), list(range(6))),
        "floats": ([0.9, 1, 2, 3, 4, 5], None),
        "repeated": ([0, 0, 1, 2, 3, 4], None),
        "negative": ([-1, 1, 2, 3, 4, 5], None),
        "beyond": ([10**12, 1, 2, 3, 4, 5], None),
        "huge": ([2**70, 1, 2, 3, 4, 5], None),
        "mask": (np.arange(48) < 6, list(range(6))),
        "texts": (list("012345"), None),
        "Index": (pd.RangeIndex(6), list(range(6))),
        "None": (None, None),
        "NaN": ([float("nan")] * 6, None),
    }
    how, (labels, meant) = draw.random.choice(sorted(ways.items(), key=lambda item: item[0]))
    where, (positions, placed) = (
        draw.random.choice(sorted(places.items(), key=lambda item: item[0]))
        if draw.chance(0.3)
        else ("positions", places["positions"])
    )
    must = how in ("list", "tensor", "array", "uint8", "tuple", "whole floats") and where in (
        "positions",
        "tensor",
    )

    def call() -> None:
        import alframe

        learner = learner_of()
        try:
            learner.tell(positions, labels)
        except alframe.UsageError as error:
            if must:
                raise WrongAnswerError(f"plain labels were refused: {error}") from error
            if len(learner.labelled) or len(learner.targets):
                raise WrongAnswerError("refused, and yet something was taken") from error
            raise
        taken = (learner.labelled.tolist(), learner.targets.tolist())
        if how == "bool":
            return
        if meant is None or placed is None or taken != (placed, meant):
            raise WrongAnswerError(f"tell({where}, {how}) was taken as other labels")
        learner.fit()
        require_picks(learner.ask(5), 5, 42, below=48)

    return call_case(call, f"ActiveLearner.tell({where}, {how})")


def ask(draw: Draw) -> Case:
    strategy, n = draw.random.choice(strategies()), draw.random.choice(NUMBERS)
    first = draw.chance(0.3)
    more: dict[str, Any] = {"start": draw.random.choice(starts())} if draw.chance(0.4) else {}
    if draw.chance(0.2):
        more["pool_size"] = draw.random.choice([1, 7, 48, 10**12, *NUMBERS])
    said = "".join(f", {name}={value!r}" for name, value in more.items())

    def call() -> None:
        learner = learner_of(strategy, **more)
        if not first:
            learner.tell(list(range(9)), dataset().targets[:9])
            learner.fit()
        require_picks(learner.ask(n), n, 48 if first else 39, below=48)

    return call_case(call, f"ActiveLearner({strategy!r}{said}).ask({n!r}), first={first}")


def state(draw: Draw) -> Case:
    """``load_state_dict`` of states that are none."""
    import torch

    odd: list[Any] = [
        None,
        1,
        "x",
        [],
        {},
        torch.zeros(3),
        torch.tensor([-1, 999]),
        torch.tensor([0, 0, 0]),
        torch.tensor([float("nan")]),
        {"x": 1},
    ]
    key = draw.random.choice(
        ["labelled", "targets", "round", "fitted", "model", "plugins", "", "model entry"]
    )
    number = draw.random.randrange(len(odd))
    drop = draw.chance(0.2)

    def call() -> None:
        learner = learner_of()
        learner.tell(list(range(9)), dataset().targets[:9])
        learner.fit()
        state = dict(learner.state_dict())
        if key == "model entry":
            state["model"] = {**state["model"], sorted(state["model"])[0]: odd[number]}
        elif drop:
            state.pop(key, None)
        else:
            state[key] = odd[number]
        other = learner_of()
        other.load_state_dict(state)
        require_picks(other.ask(3), 3, 48, below=48)
        other.evaluate()

    return call_case(call, f"load_state_dict with {key!r} {'missing' if drop else repr(odd[number])}")
