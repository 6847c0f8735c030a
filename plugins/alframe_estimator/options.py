"""The options of an estimator: its own parameters, with the types that its declaration gives them."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import operator
import re
import typing
from collections.abc import Mapping
from numbers import Integral
from types import NoneType
from typing import Any

from alframe import UsageError, option

SIMPLE = (bool, int, float, str, NoneType)
LEFT_OUT = ("warm_start", "missing", "enable_categorical")  # what alframe decides, or can't serve
LONGEST_HELP = 150  # characters


@functools.cache
def options_of(kind: type) -> type:
    """A frozen dataclass of the parameters that numbers and texts can be given to.

    Args:
        kind: a class whose instances have ``get_params``, and which needs no argument.

    Returns:
        Its fields have the names and defaults of the parameters. None of them is in a setting's name at its
        default, so that a newer version of the library, which has more of them, goes on with the same runs.
    """
    made = kind()
    types, helps = _types_of(kind), _helps_of(kind)
    fields: list[Any] = []
    for name, default in made.get_params(deep=False).items():
        kinds = types.get(name, set()) | {type(default)}
        if name in LEFT_OUT or not _can_be_written(default) or kinds <= {NoneType}:
            continue
        help_ = helps.get(name) or f"as of {kind.__name__}"
        fields.append((name, _hint(kinds, default), option(default, help_, added=True)))
    return dataclasses.make_dataclass(f"{kind.__name__}Options", fields, frozen=True)


def changed(options: Any) -> dict[str, Any]:
    """The options that are not at their defaults, by name."""
    values = ((field, getattr(options, field.name)) for field in dataclasses.fields(options))
    return {field.name: value for field, value in values if value != field.default}


def require_usable(estimator: Any) -> None:
    """Refuses values that no training can use, of a library that finds that out in training alone.

    Args:
        estimator: unfitted, with ``n_estimators``; a copy of one tree is fitted to a few numbers.

    Raises:
        UsageError: what the library says.
    """
    import numpy as np

    numbers = np.random.default_rng(0).normal(size=(40, 2))
    one_tree = type(estimator)(**estimator.get_params()).set_params(n_estimators=1, n_jobs=1)
    try:
        one_tree.fit(numbers, (numbers[:, 0] > 0).astype(np.int64))
    except Exception as error:
        raise UsageError(f"{type(estimator).__name__} can't be fitted as it is: {said(error)}") from error


def said(error: BaseException) -> str:
    """What a library says is wrong, in a line, without the place in it where it noticed."""
    text = " ".join(str(error).split()).partition(" Stack trace:")[0]
    return re.sub(r"^\[[\d:]+\] \S+: ", "", text)[:500]


def _can_be_written(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(isinstance(part, int | float | str) for part in value)
    return isinstance(value, SIMPLE) and not (isinstance(value, float) and math.isnan(value))


def _helps_of(kind: type) -> dict[str, str]:
    """The first sentence on each parameter in the class's documentation, which is NumPy's kind."""
    found: dict[str, str] = {}
    for name, text in re.findall(r"(?m)^(\w+) ?:.*\n((?:[ ]{4}.*\n|\n)+)", inspect.getdoc(kind) or ""):
        paragraph = " ".join(text.strip().partition("\n\n")[0].split())
        sentence = paragraph.partition(". ")[0].replace("`", "")
        if not sentence.startswith(".."):
            found.setdefault(name, sentence[:LONGEST_HELP])
    return found


def _types_of(kind: type) -> dict[str, set[type]]:
    """What each parameter may be: by scikit-learn's constraints, or by the annotations of ``__init__``."""
    found: dict[str, set[type]] = {}
    for owner in reversed(kind.__mro__):
        if "__init__" in vars(owner) and owner is not object:
            found |= {name: _of_hint(hint) for name, hint in _annotations(owner).items()}
    constraints: Mapping[str, Any] = getattr(kind, "_parameter_constraints", {})
    for name, allowed in constraints.items():
        if isinstance(allowed, list):
            found[name] = set().union(*map(_of_constraint, allowed))
    return found


def _annotations(owner: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(owner.__init__)
    except (NameError, TypeError):  # of names that are imported for type checkers alone
        return dict(inspect.get_annotations(owner.__init__))


def _of_hint(hint: Any) -> set[type]:
    parts = typing.get_args(hint) if typing.get_origin(hint) is not None else (hint,)
    return {part for part in parts if part in SIMPLE}


def _of_constraint(allowed: Any) -> set[type]:
    if allowed is None:
        return {NoneType}
    if allowed in ("boolean", "verbose"):
        return {bool} if allowed == "boolean" else {int}
    if allowed == "random_state":
        return {int, NoneType}
    if isinstance(allowed, str) or type(allowed).__name__ == "Hidden":
        return set()
    kind = allowed if isinstance(allowed, type) else getattr(allowed, "type", None)
    options: Any = getattr(allowed, "options", ())
    if kind is Integral or kind is int:
        return {int}
    if kind is not None and not options and getattr(kind, "__name__", "") in ("Real", "RealNotInt", "float"):
        return {float}
    return {type(one) for one in options if type(one) in SIMPLE} | ({kind} if kind in (str, bool) else set())


def _hint(kinds: set[type], default: Any) -> Any:
    if isinstance(default, tuple):
        return tuple[type(default[0]) if default else str, ...]  # type: ignore[misc]
    ordered: list[Any] = [kind for kind in SIMPLE if kind in kinds]
    return functools.reduce(operator.or_, ordered)
