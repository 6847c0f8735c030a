"""A fitted model in a file, and the columns of a table that it takes."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alframe.errors import DamagedFileError, UsageError, one_line, reason
from alframe_cli.plain_text import echo

PICKLES = (".joblib", ".pkl", ".pickle")
READERS = {".skops": "skops", ".json": "xgboost", ".ubj": "xgboost"}  # and what they are read with
TRACE = " Stack trace:"  # what XGBoost adds to its messages
SHOWN = 5  # names of types or columns in a line


def read_model(path: Path, trust: bool) -> Any:
    """The object in a file.

    Args:
        path: of a skops file, of what XGBoost saves, or of a pickle, as joblib writes it.
        trust: whether code may run that the file names.

    Raises:
        UsageError: there is no such file, it is not trusted, or a library or class of it is not here.
        DamagedFileError: it is not what its name says.
    """
    if path.suffix not in (*PICKLES, *READERS):
        raise UsageError(f"--model {path}: wanted a file that ends in {', '.join((*PICKLES, *READERS))}")
    if not path.is_file():
        raise UsageError(f"--model {path}: there is no such file")
    if path.suffix in PICKLES and not trust:
        raise UsageError(
            f"--model {path} is a pickle, which can run any code when it is read: pass --trust if it is "
            "yours or from someone whom you trust; a .skops file needs none"
        )
    try:
        with _warnings_in_a_line(path):
            return _read(path, trust)
    except UsageError:
        raise
    except OSError as error:
        raise UsageError(f"--model {path} can't be read: {error.strerror or one_line(error)}") from error
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"--model {path} holds what can't be imported here: {one_line(error)}; install the package that "
            "it is from, or put the module that defines it on PYTHONPATH"
        ) from error
    except (Exception, SystemExit) as error:
        why = reason(error).split(TRACE)[0]
        raise DamagedFileError(
            f"--model {path} can't be read as {path.suffix}: {why}; it is cut off or changed, or was written "
            "by another version of its library"
        ) from error


def _read(path: Path, trust: bool) -> Any:
    reader = READERS.get(path.suffix)
    if reader and importlib.util.find_spec(reader) is None:
        raise UsageError(
            f"--model {path} is read with {reader}, which is not installed: pip install {reader}"
        )
    if reader == "skops":
        return _of_skops(path, trust)
    if reader == "xgboost":
        return _of_xgboost(path)
    import joblib

    return joblib.load(path)


def _of_xgboost(path: Path) -> Any:
    from xgboost import XGBClassifier

    model = XGBClassifier()
    try:
        model.load_model(path)
    except TypeError as error:  # a model of another kind, as a regressor
        raise UsageError(f"--model {path} is no classifier: {one_line(error)}") from error
    return model


def _of_skops(path: Path, trust: bool) -> Any:
    from skops import io

    untrusted = io.get_untrusted_types(file=path)
    if untrusted and not trust:
        raise UsageError(
            f"--model {path} has types that skops does not trust, {_some(untrusted)}: pass --trust if it is "
            "yours or from someone whom you trust"
        )
    return io.load(path, trusted=untrusted)


@contextmanager
def _warnings_in_a_line(path: Path) -> Iterator[None]:
    """Says once what libraries warn of while they read: each part of a pipeline warns for itself."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    told = set()
    for warning in caught:
        one = warning.message
        line = one_line(one) if isinstance(one, BaseException) else str(one)
        if type(one).__name__ == "InconsistentVersionWarning":
            written, here = (getattr(one, f"{when}_sklearn_version", "?") for when in ("original", "current"))
            line = f"it was written with scikit-learn {written}, and here is {here}: its answers may differ"
        if line not in told:
            told.add(line)
            echo(f"note: --model {path}: {line}", err=True)


def columns_for(model: Any, samples: Any, name: str) -> Any:
    """What a model takes of a table: the columns that it was fitted to, or one column of texts as it is.

    Args:
        model: the model.
        samples: a DataFrame, or what is none and is left as it is.
        name: what they are, for messages.

    Raises:
        UsageError: a column is not there.
    """
    if not hasattr(samples, "columns"):
        return samples
    try:
        wanted = list(getattr(model, "feature_names_in_", []))
    except Exception:  # a property of another's
        wanted = []
    if lacking := [column for column in wanted if column not in samples.columns]:
        raise UsageError(f"{name} lack columns that the model was fitted to: {_some(lacking)}")
    if wanted:
        return samples[wanted]
    if samples.shape[1] == 1 and not _is_number(samples.iloc[:, 0]):
        return samples.iloc[:, 0]
    return samples


def _is_number(column: Any) -> bool:
    return getattr(column.dtype, "kind", "O") in "biuf"


def _some(names: list[str]) -> str:
    shown = ", ".join(map(str, names[:SHOWN]))
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
