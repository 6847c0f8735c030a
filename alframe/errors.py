"""What can go wrong, one class for each thing a caller may want to do about it.

``exit_code`` is what the command line ends with: 1 a trial failed or a file is damaged, 2 usage or
configuration, 3 a plugin is broken or breaks its contract.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AlframeError(Exception):
    """Base of every error that alframe raises on purpose."""

    exit_code = 1


class UsageError(AlframeError):
    """The caller asked for something that can't be: a wrong name, value, file or combination.

    Plugins raise it too, when the user's model or data don't suit them.
    """

    exit_code = 2


class DamagedFileError(UsageError):
    """A file is not what its format promises: cut off, changed since it was written, or something else.

    The message names the file, what was found and what to do. Nobody's code is to blame for it, and no option
    is wrong: hence the exit code of what fails. A missing file is a plain `UsageError`.
    """

    exit_code = 1


class TrialError(AlframeError):
    """A trial failed for a reason that lies in the run itself."""

    exit_code = 1


class PluginError(AlframeError):
    """A plugin is broken, or what its hook returned breaks the contract."""

    exit_code = 3


class AlframeWarning(UserWarning):
    """Something is amiss and the work goes on: what alframe and its plugins warn of.

    ``warnings.filterwarnings("error", category=alframe.AlframeWarning)`` ends the work instead.
    """


def unknown_name(what: str, name: str, known: Iterable[str], hint: str = "") -> UsageError:
    """Builds the error for a mistyped name: what is close to it, or else what there is.

    Args:
        what: kind of thing, as in "strategy".
        name: what the user typed.
        known: the names that would have been right.
        hint: a closing sentence, as in "See `alframe list-strategies`."
    """
    names = sorted(known)
    close = difflib.get_close_matches(str(name).lower(), names, n=3, cutoff=0.6)
    if close:
        advice = f"Did you mean {' or '.join(repr(c) for c in close)}?"
    elif names:
        advice = f"Known: {', '.join(names)}."
    else:
        advice = "There is none."
    return UsageError(f"unknown {what} {name!r}. {advice} {hint}".strip())


LONGEST = 2000  # characters of a message


def one_line(error: BaseException) -> str:
    """An exception's message in one line; "" where it has none, or where it can't say it."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # another's class, whose message may be a bug itself
        return ""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def reason(error: BaseException) -> str:
    """An exception in one line: our own by its message alone, others by type and message."""
    text, name = one_line(error), type(error).__name__
    if not text:
        return name
    return text if isinstance(error, AlframeError) else f"{name}: {text}"
