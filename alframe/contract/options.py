"""Options as data: a frozen dataclass whose every field has a default and a help text.

From it come the validation of ``-o section.key=value``, the tables of ``alframe show`` and the
values written with every run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import typing
from collections.abc import Mapping
from typing import Any

from alframe.contract.ranges import Range, check_ranges
from alframe.errors import PluginError, UsageError, unknown_name

MOST = 2**63 - 1  # the largest whole number of tensors, and of the files that options are written to
LONGEST = 200  # characters of a value in a message


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """The options of whoever has none."""


@dataclasses.dataclass(frozen=True)
class CheckedOptions:
    """What an options dataclass inherits from whose ranges hold in Python too, as ``Options(steps=0)``.

    What the user writes is held against the ranges of every options dataclass, whatever it inherits from.
    Who has a ``__post_init__`` of its own calls ``super().__post_init__()`` in it.

    Example:
        >>> import dataclasses
        >>> @dataclasses.dataclass(frozen=True)
        ... class Options(CheckedOptions):
        ...     steps: int = option(50, "most steps a sample", least=1)
        >>> Options(steps=0)
        Traceback (most recent call last):
        ValueError: steps must be at least 1, got 0
    """

    def __post_init__(self) -> None:
        """Refuses values outside their ranges."""
        check_ranges(self)


def option(
    default: Any,
    help: str,  # noqa: A002 (the word every option library uses)
    *,
    least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    most: float | None = None,
    heading: str = "",
    added: bool = False,
) -> Any:
    """Declares one field of an options dataclass.

    Args:
        default: value used when the user says nothing; immutable.
        help: one line for ``alframe show``.
        least: the least number, itself allowed; of a list, that of its elements, as all bounds.
        above: what a number lies above.
        below: what a number lies below.
        most: the greatest number, itself allowed.
        heading: of the group of options that this one begins, where there are many; the next heading ends it.
        added: whether the owner had runs before it had this option. The folder of a setting is named by all
            options; at its default this one is left out, so that those runs go on where they are.

    Example:
        >>> import dataclasses
        >>> @dataclasses.dataclass(frozen=True)
        ... class Options:
        ...     cap: float = option(0.2, "largest mixing ratio tried first", above=0, most=1)
        >>> Options().cap
        0.2
    """
    metadata: dict[str, Any] = {"help": help, "heading": heading, "added": added}
    if (range_ := Range(least, above, below, most)) != Range():
        metadata["range"] = range_
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class OptionField:
    """One option as people see it."""

    name: str
    type: str
    default: Any
    help: str
    group: str = ""


def describe(options_type: type) -> list[OptionField]:
    """Lists the fields of an options dataclass in the order of declaration."""
    hints = typing.get_type_hints(options_type)
    group = ""
    described = []
    for field in dataclasses.fields(options_type):
        group = field.metadata.get("heading") or group
        help_ = field.metadata.get("help", "")
        described.append(OptionField(field.name, _type_name(hints[field.name]), field.default, help_, group))
    return described


def check_declaration(options_type: Any) -> None:
    """Raises `PluginError` unless ``options_type`` is a frozen dataclass with defaults and help."""
    if not (isinstance(options_type, type) and dataclasses.is_dataclass(options_type)):
        raise PluginError(f"options must be a dataclass, got {options_type!r}")
    if not options_type.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise PluginError(f"options {options_type.__name__} must be @dataclass(frozen=True)")
    for field in dataclasses.fields(options_type):
        if field.default is dataclasses.MISSING:
            raise PluginError(f"option {options_type.__name__}.{field.name} has no default")
        if not field.metadata.get("help"):
            raise PluginError(f"option {options_type.__name__}.{field.name} has no help: use alframe.option")


def build(options_type: type, values: Mapping[str, Any], section: str) -> Any:
    """Makes an options object from what the user gave, as text or already typed.

    Args:
        options_type: a dataclass that passes `check_declaration`.
        values: key and value; text is converted (``"0.1"``, ``"true"``, ``"none"``).
        section: the name users write before the dot, for messages.

    Raises:
        UsageError: an unknown key, a value of another type, outside its range, or one the dataclass refuses.
    """
    hints = _hints(options_type)
    typed = {}
    for key, value in values.items():
        if key not in hints:
            raise unknown_name(f"option of {section!r}", key, hints, f"See `alframe show {section}`.")
        typed[key] = _convert(value, hints[key], f"{section}.{key}")
    try:
        built = options_type(**typed)
        check_ranges(built)
        return built
    except ValueError as error:
        raise UsageError(f"options of {section!r}: {error}") from error


@functools.cache
def _hints(options_type: type) -> dict[str, Any]:
    return typing.get_type_hints(options_type)


def identifying(options: Any) -> dict[str, Any]:
    """The options that tell a setting from others: all but those that were added later, at their defaults."""
    return {
        field.name: value
        for field in dataclasses.fields(options)
        if (value := getattr(options, field.name)) != field.default or not field.metadata.get("added")
    }


def differences(options: Any) -> dict[str, Any]:
    """The options that are not at their defaults, by name.

    Args:
        options: an options object.
    """
    values = ((field, getattr(options, field.name)) for field in dataclasses.fields(options))
    return {field.name: value for field, value in values if value != field.default}


def written(value: Any) -> str:
    """An option's value as it is written after ``-o``."""
    if isinstance(value, tuple):
        return ",".join(map(written, value))
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _convert(value: Any, wanted: Any, where: str) -> Any:
    import msgspec  # here, for help and completion convert nothing and are to be instant

    is_text = isinstance(value, str)
    if is_text and value.lower() == "none" and type(None) in typing.get_args(wanted):
        return None
    if is_text and typing.get_origin(wanted) is tuple:
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        typed = _number(value, wanted) if is_text else None
        if typed is None:
            typed = msgspec.convert(value, wanted, strict=not is_text)
    except (
        msgspec.ValidationError,
        ValueError,
        OverflowError,
        RecursionError,
    ):  # as of text that is no UTF-8
        raise UsageError(f"option {where}: expected {_type_name(wanted)}, got {_shown(value)}") from None
    for one in typed if isinstance(typed, tuple) else (typed,):
        if isinstance(one, str) and "\0" in one:  # no path and no name has it
            raise UsageError(f"option {where}: there is a NUL in {_shown(one)}")
        if isinstance(one, int) and abs(one) > MOST and not where.endswith(".seeds"):  # those are hashed
            raise UsageError(f"option {where}: {_shown(one)} is too large; at most {MOST}")
    return typed


def _number(text: str, wanted: Any) -> Any:
    """The number or truth value in a text, where an option takes them beside texts; None: it is neither."""
    import msgspec

    kinds = tuple(kind for kind in typing.get_args(wanted) if kind in (bool, int, float))
    if str not in typing.get_args(wanted) or not kinds:
        return None
    with contextlib.suppress(msgspec.ValidationError):
        return msgspec.convert(text, typing.Union[kinds], strict=False)  # noqa: UP007 (of a tuple)
    return None


def _shown(value: Any) -> str:
    """A value in a message; the first part of a long one."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists
        text = f"a very long {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _type_name(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return "|".join(str(choice) for choice in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        return f"list of {_type_name(typing.get_args(hint)[0])}"
    if typing.get_origin(hint) is not None and typing.get_args(hint):
        return "|".join(_type_name(part) for part in typing.get_args(hint))
    return "none" if hint is type(None) else getattr(hint, "__name__", str(hint))
