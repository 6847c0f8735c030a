"""``compare --embedding``: the pool in two dimensions, with the queried samples by round."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from alframe.comparison.projection import Picture, picture, read_features
from alframe.errors import UsageError
from alframe.records.rounds import FEATURES, Unusable
from alframe.records.tree import SettingRuns
from alframe_cli.figure_files import save_figure
from alframe_cli.figures import write_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {"tsne": "t-SNE", "pca": "principal components"}


def require_features(settings: Sequence[SettingRuns]) -> None:
    """Raises `UsageError` where no trial kept its features."""
    if not any(setting.files(FEATURES) for setting in settings):
        raise UsageError(
            "no run here kept its features; `alframe run ... -o run.keep_features=true` keeps them, of "
            "finished runs too"
        )


def write_embeddings(
    settings: Sequence[SettingRuns], folder: Path, method: str, progress: Callable[[str], None]
) -> tuple[list[Path], list[str]]:
    """Draws a picture for each setting and strategy: that of the lowest seed that kept its features.

    Args:
        settings: the settings.
        folder: pictures go to ``FOLDER/<dataset>/<setting>/embedding-<strategy>``.
        method: ``"tsne"`` or ``"pca"``.
        progress: told what is drawn next.

    Returns:
        The files, and notes on what could not be drawn.

    Raises:
        UsageError: matplotlib is not installed, or the folder can't be written to.
    """
    files: list[Path] = []
    notes: list[str] = []
    for setting in settings:
        trials = setting.files(FEATURES)
        where = f"{setting.dataset}/{setting.name}"
        lowest = dict(sorted(trials, reverse=True))  # the lowest seed comes last, and stays
        without = [strategy for strategy in setting.strategies if strategy not in lowest]
        if without:
            notes.append(f"{where}: no picture of {', '.join(without)}: no trial kept its features")
        for strategy, seed in sorted(lowest.items()):
            progress(f"{NAMES[method]} of {where}: {strategy}, seed {seed}")
            file = trials[strategy, seed]
            try:
                shown = picture(*read_features(file.parent), method)
            except Unusable as reason:
                notes.append(f"{file}: no picture: {reason}")
                continue
            draw = functools.partial(
                draw_embedding,
                shown=shown,
                title=f"{setting.dataset}, {setting.name}: {strategy}, seed {seed}",
            )
            stem = folder / setting.dataset / setting.name / f"embedding-{strategy}"
            written, remarks = save_figure(stem, draw)
            files += written
            notes += remarks
    return files, notes


def draw_embedding(figure: Figure, shown: Picture, title: str = "") -> None:
    """Draws the samples that were not queried in grey, those that were in the colour of their round.

    Args:
        figure: an empty figure.
        shown: the points.
        title: a line above.
    """
    from matplotlib import colormaps
    from matplotlib.colors import BoundaryNorm, ListedColormap

    figure.set_size_inches(5.5, 4.8)
    write_title(figure, title)
    axes = figure.add_subplot()
    axes.set(xticks=[], yticks=[], xlabel=_legend(shown))
    axes.spines[:].set_visible(False)
    others, first = shown.rounds < 0, shown.rounds == 0
    later = shown.rounds > 0
    x, y = shown.points.T
    axes.scatter(x[others], y[others], s=4, color="#cfcfcf", linewidths=0, rasterized=True)
    axes.scatter(x[first], y[first], s=16, color="black", marker="+", linewidths=0.8, label="initial set")
    last = max(1, int(shown.rounds.max()))
    drawn = axes.scatter(
        x[later],
        y[later],
        c=shown.rounds[later],
        cmap=ListedColormap(colormaps["plasma"](np.linspace(0.9, 0, last))),  # from light to dark
        norm=BoundaryNorm(np.arange(last + 1) + 0.5, last),
        s=14,
        edgecolors="black",
        linewidths=0.3,
    )
    if later.any():
        rounds = range(1, last + 1, -(-last // 10))  # ten of them are named at most
        bar = figure.colorbar(drawn, label="queried in round", ticks=rounds)
        bar.ax.tick_params(length=0)
    if first.any():
        axes.legend(loc="upper right", handletextpad=0.2, frameon=True, framealpha=0.8, edgecolor="none")


def _legend(shown: Picture) -> str:
    grey = int((shown.rounds < 0).sum())
    unlabelled = _part(grey, shown.pool - shown.queried)
    labelled = _part(len(shown.rounds) - grey, shown.queried)
    method = f"{NAMES[shown.method]} of the last network's features"
    return f"{method}\n{unlabelled} unlabelled (grey), {labelled} labelled"


def _part(drawn: int, there: int) -> str:
    return f"{drawn:,}" if drawn == there else f"{drawn:,} of {there:,}"
