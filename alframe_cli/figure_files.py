"""The figures of ``compare --figures``: which there are, and the files they are written to."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from alframe.comparison.calibration import NUMBERS, calibration_curves
from alframe.comparison.compare import Comparison, SettingComparison
from alframe.errors import UsageError
from alframe.records.writing import replace
from alframe_cli.palette import Look, looks_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = {
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
    "png": {},
}  # without the day, to compare files
RESOLUTION = 300  # dots an inch of the PNG
Draw = Callable[["Figure"], None]


def write_figures(found: Comparison, folder: Path) -> tuple[list[Path], list[str]]:
    """Writes every figure of a comparison as PDF, SVG and PNG.

    A setting's go to ``FOLDER/<dataset>/<setting>/``, those over settings to ``FOLDER/``.

    Args:
        found: the comparison.
        folder: made if need be; files of the same name are replaced.

    Returns:
        The files, and notes on what could not be drawn.

    Raises:
        UsageError: matplotlib is not installed, or the folder can't be written to.
    """
    notes = [
        f"{one.setting.dataset}/{one.setting.name}: no figure of seconds, as none are recorded"
        for one in found.settings
        if not _has_seconds(one)
    ]
    notes += [
        f"{one.setting.dataset}/{one.setting.name}: no reliability diagram, as no calibration is recorded "
        "with runs of earlier versions"
        for one in found.settings
        if not one.calibrations
    ]
    files = []
    for stem, draw in _figures(found):
        written, remarks = save_figure(folder / stem, draw)
        files += written
        notes += remarks
    return files, list(dict.fromkeys(notes))


def save_figure(stem: Path, draw: Draw) -> tuple[list[Path], list[str]]:
    """Draws a figure and writes it in each format.

    Args:
        stem: the file without its ending.
        draw: draws on an empty figure.

    Returns:
        The files, and notes, as on characters that the font lacks.

    Raises:
        UsageError: matplotlib is not installed, or a file can't be written.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError(
            "figures need the package matplotlib; alframe's extra brings it: pip install 'alframe[figures]'"
        ) from error
    from alframe_cli.figures import style

    files = [stem.with_name(f"{stem.name}.{ending}") for ending in FORMATS]
    with matplotlib.rc_context(style()), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure = Figure(layout="constrained")
        draw(figure)
        figure.draw_without_rendering()  # lays it out
        figure.set_layout_engine("none")  # once for all three
        try:
            stem.parent.mkdir(parents=True, exist_ok=True)
            for file, (form, metadata) in zip(files, FORMATS.items(), strict=True):
                save = functools.partial(figure.savefig, format=form, dpi=RESOLUTION, metadata=metadata)
                replace(file, save)
        except OSError as error:
            raise UsageError(
                f"figures can't be written to {error.filename or stem.parent}: {error.strerror}; "
                "choose another folder with --figures"
            ) from error
    return files, [f"{stem.name}: {warning.message}" for warning in caught]


def _figures(found: Comparison) -> Iterator[tuple[Path, Draw]]:
    """Each figure's file, without ending, and what draws it."""
    from alframe_cli.figures import draw_calibration, draw_curves, draw_matrix, draw_seconds
    from alframe_cli.rank_figure import draw_ranks
    from alframe_cli.reliability_figure import draw_reliability

    looks: dict[str, Look] = looks_of(found)
    for one in found.settings:
        where, title = (
            Path(one.setting.dataset, one.setting.name),
            f"{one.setting.dataset}, {one.setting.name}",
        )
        yield (
            where / "learning-curves",
            functools.partial(draw_curves, curves=one.curves, looks=looks, title=title),
        )
        if _has_seconds(one):
            yield (
                where / "query-seconds",
                functools.partial(draw_seconds, costs=one.costs, looks=looks, title=title),
            )
        if one.calibrations:
            yield (
                where / "reliability",
                functools.partial(draw_reliability, found=one.calibrations, looks=looks, title=title),
            )
            ece, brier = (calibration_curves(one.setting, of) for of in NUMBERS)
            yield (
                where / "calibration",
                functools.partial(draw_calibration, ece=ece, brier=brier, looks=looks, title=title),
            )
        if len(one.penalties.strategies) > 1:
            yield where / "penalty-matrix", functools.partial(draw_matrix, matrix=one.penalties, title=title)
    if found.total:
        title = f"Sum over {found.total.settings} settings"
        yield Path("penalty-matrix"), functools.partial(draw_matrix, matrix=found.total, title=title)
    if found.ranks:
        yield Path("critical-difference"), functools.partial(draw_ranks, ranks=found.ranks, looks=looks)


def _has_seconds(one: SettingComparison) -> bool:
    return any(cost.seconds is not None for cost in one.costs.values())
