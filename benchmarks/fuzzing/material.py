"""Small right data and finished runs, which families copy and then spoil."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray[Any, Any]]
SMALL = ("--rounds", "1", "--epochs", "1", "--initial-size", "10", "--query-size", "5", "--seeds", "1")
ON = ("--device", "cpu", "--display", "none")
TRIAL = ("run", "--strategy", "margin", *SMALL, *ON)
RUN = ("run", "--dataset", "npz:data.npz", "--strategy", "margin,random", *SMALL, *ON)


def rows(n: int = 60, width: int = 4, classes: int = 3) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Separable classes: ``n x width`` features and ``n`` class numbers."""
    targets = np.arange(n) % classes
    noise = np.random.default_rng(0).normal(size=(n, width))
    return noise + 3 * np.eye(classes, width)[targets], targets


def pool() -> Arrays:
    """The arrays that ``alframe query`` reads."""
    x, y = rows(40)
    generator = np.random.default_rng(1)
    return {
        "features": x[:28],
        "labelled_features": x[28:],
        "labelled_targets": y[28:],
        "weight": generator.normal(size=(3, 4)),
        "bias": np.zeros(3),
    }


def table(n: int = 45) -> list[list[str]]:
    """Rows of a table with numbers, categories, dates and classes; headings first."""
    x, y = rows(n)
    body = [
        [f"{a:.3f}", f"{b:.3f}", "red" if i % 3 else "blue", f"2026-01-{i % 28 + 1:02d}", "abc"[k]]
        for i, ((a, b, *_), k) in enumerate(zip(x, y, strict=True))
    ]
    return [["height", "width", "colour", "day", "class"], *body]


def make(folder: Path) -> None:
    """Fills a folder: ``data.npz``, ``pool.npz``, ``images/``, ``weights.pt`` and finished ``runs/``.

    Also imports all that a case will need, so that the processes of the cases need not.
    """
    import matplotlib.pyplot  # noqa: F401
    import pandas  # noqa: F401
    import scipy.io  # noqa: F401
    import torch
    from PIL import Image

    from alframe_cli.main import main

    folder.mkdir(parents=True)
    x, y = rows()
    np.savez(folder / "data.npz", x_train=x, y_train=y)
    np.savez(folder / "pool.npz", **pool())  # type: ignore[arg-type]
    (folder / "data.csv").write_text("\n".join(map(",".join, table())) + "\n")
    generator = np.random.default_rng(2)
    for part, each in (("train", 8), ("test", 3)):
        for label, name in enumerate(("cat", "dog")):
            (folder / "images" / part / name).mkdir(parents=True)
            for number in range(each):
                pixels = generator.integers(0, 120, (9, 9, 3)).astype("u1") + np.uint8(100 * label)
                Image.fromarray(pixels).save(folder / "images" / part / name / f"{number}.png")
    network = torch.nn.Sequential(torch.nn.Linear(4, 256), torch.nn.ReLU(), torch.nn.Linear(256, 3))
    torch.save(network.state_dict(), folder / "weights.pt")
    _commit(folder / "repository")
    here = Path.cwd()
    os.chdir(folder)
    try:
        commands = (
            RUN,
            ("run", "--dataset", "csv:data.csv", "-o", "data.target=class", *RUN[3:], "--out", "warm"),
            ("run", "--dataset", "imagefolder:images", "-o", "data.size=9", *RUN[3:], "--out", "warm"),
            ("query", "--strategy", "alfamix", "-n", "3", "pool.npz"),
            ("compare", "runs", "--html", "page.html", "--figures", "figures"),
            *(
                ("show", "run"),
                ("list-strategies",),
                ("list-models",),
                ("list-datasets",),
                ("doctor", "--help"),
            ),
        )
        for command in commands:
            said = io.StringIO()
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                try:
                    main(list(command))
                except SystemExit as end:
                    if end.code:
                        raise SystemExit(f"{' '.join(command)}: {said.getvalue()}") from end
        for name in ("warm", "figures"):
            shutil.rmtree(name)
    finally:
        os.chdir(here)


def _commit(folder: Path) -> None:
    """A repository with a commit of one file."""
    folder.mkdir()
    (folder / "notes.txt").write_text("versioned\n")
    who = ("-c", "user.name=x", "-c", "user.email=x@localhost")
    for command in (("init", "-q"), ("add", "."), (*who, "commit", "-qm", "x")):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)


def copy(templates: Path, work: Path, *names: str) -> None:
    """Puts copies into the working folder."""
    for name in names:
        source = templates / name
        if source.is_dir():
            shutil.copytree(source, work / name, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, work / name)


def saved(arrays: Arrays, compressed: bool = False) -> bytes:
    """What an ``.npz`` file of arrays holds."""
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()
