"""A session as an `alframe.Dataset`, and as the arrays of an ``.npz`` file."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alframe.contract.labelling import PICTURES, SOUNDS, TEXTS, Prediction
from alframe.errors import UsageError
from alframe.labelling.own_features import own_features
from alframe.labelling.text_features import text_features
from alframe.records.writing import replace, unwritable

if TYPE_CHECKING:
    from torch import Tensor

    from alframe.data.dataset import Dataset
    from alframe.labelling.session import Session

SIZE = 64  # height and width of images, unless they are smaller
SMALLEST = 16
MOST_BYTES = 1 << 30  # of images; above, they are half as large
LOOKED_AT = 64  # images that tell how large all are
NAMED = 5


def dataset(session: Session, size: int | None = None, most: int = SIZE) -> Dataset:
    """All samples of a session in the order of their positions.

    Images are turned, laid on white, scaled and cut to a square as ``imagefolder:`` does it; texts become
    features of hashed words and pairs of words. What is missing or broken is zeros, with no label.

    Args:
        session: whose.
        size: height and width of images; None for ``most``, or less where they are smaller or would need
            more than 1 GB.
        most: height and width of large images.

    Returns:
        ``M`` samples; -1 where there is no settled label. Audit samples have theirs: who trains leaves them
        out, as `Session.training` does.

    Raises:
        UsageError: there is nothing that could be read.
    """
    import torch

    from alframe.data.dataset import Dataset

    everything = range(len(session.samples))
    inputs, good, notes = _inputs(session, everything, size, most)
    classes = {info.name: index for index, info in enumerate(session.classes)}
    targets = torch.full((len(inputs),), -1, dtype=torch.int64)
    for position, label in session.labels().items():
        if good[position]:
            targets[position] = classes[label.label]
    name = Path(session.settings.source).stem
    fit = _fit(session)
    made = Dataset(name, inputs, targets, max(2, len(classes)), fit=fit, notes=tuple(notes))
    return made.prepared() if fit else made


def labelled(session: Session, size: int | None = None) -> Dataset:
    """The labelled samples of a session; those of the audit are the test part.

    Args:
        session: whose.
        size: as in `dataset`.

    Raises:
        UsageError: fewer than two classes have labels, or nothing could be read.
    """
    from alframe.data.dataset import Dataset

    parts, notes = _parts(session, size)
    (inputs, targets), test = parts
    name = Path(session.settings.source).stem
    fit = _fit(session)
    test_inputs, test_targets = test if test else (None, None)
    made = Dataset(
        name, inputs, targets, len(session.classes), test_inputs, test_targets, fit=fit, notes=tuple(notes)
    )
    return made.prepared() if fit and test else made


def dataset_from_session(folder: Path | str, size: int | None = None) -> Dataset:
    """The labelled samples of a session of `alframe label`; those of its audit are the test part.

    Args:
        folder: the session's.
        size: height and width that images are scaled and cut to; None for 64, or less where they are smaller
            or would need more than 1 GB. Texts become features, whatever it is.

    Raises:
        UsageError: it is no session, fewer than two classes have labels, or nothing could be read.
    """
    from alframe.labelling.session import Session

    return labelled(Session.read(Path(folder)), size)


def write(session: Session, path: Path, predictions: Mapping[int, Prediction] | None = None) -> list[str]:
    """Writes ``x_train, y_train`` of the labelled samples, and ``x_test, y_test`` of the audit: ``npz:PATH``.

    Raises:
        UsageError: fewer than two classes have labels, nothing could be read, or the file can't be written.
    """
    import numpy as np

    parts, notes = _parts(session, None)
    arrays: dict[str, Any] = {}
    for name, part in zip(("train", "test"), parts, strict=True):
        if part:
            arrays |= {f"x_{name}": part[0].numpy(), f"y_{name}": part[1].numpy()}
    try:
        replace(path, lambda file: np.savez(file, **arrays))
    except OSError as error:
        raise unwritable(path.parent, error) from error
    names = ", ".join(f"{index} {info.name}" for index, info in enumerate(session.classes))
    return [*notes, f"{path.name}: the classes are {names}"]


def _fit(session: Session) -> Any:
    """How inputs are prepared: pictures are normalised, rows of numbers stay."""
    from alframe.data.dataset import Normalize

    is_rows = session.info is not None and session.info.features is not None
    return Normalize.of if session.shown_as == PICTURES and not is_rows else None


def _parts(
    session: Session, size: int | None
) -> tuple[tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor] | None], list[str]]:
    """Inputs and class numbers of the training part and of the audit, where it has any."""
    import torch

    positions, numbers = session.training()
    audited = session.audited()
    rows = [*positions, *audited]
    if len(set(numbers)) < 2:
        raise UsageError(f"{session.folder}: labels of at least 2 classes are needed, beside the audit's")
    inputs, good, notes = _inputs(session, rows, size)
    targets = torch.tensor([*numbers, *audited.values()], dtype=torch.int64)
    count = len(positions)
    train, test = good.clone(), good.clone()
    train[count:], test[:count] = False, False
    of_audit = (inputs[test], targets[test]) if test.any() else None
    return ((inputs[train], targets[train]), of_audit), notes


def _inputs(
    session: Session, rows: Sequence[int], size: int | None, most: int = SIZE
) -> tuple[Tensor, Tensor, list[str]]:
    """Inputs of the samples at ``rows``, which of them could be read, and what is said of it."""
    if session.info is not None and session.info.features is not None:
        return own_features(session, rows)
    if session.shown_as == SOUNDS:
        raise UsageError(
            f"source {session.settings.kind!r} gives no features: there are no inputs of a network"
        )
    if session.shown_as == TEXTS:
        return _texts(session, rows)
    return _images(session, rows, size, most)


def _images(
    session: Session, rows: Sequence[int], size: int | None, most: int
) -> tuple[Tensor, Tensor, list[str]]:
    import torch

    from alframe.contract.resources import ImageDataOptions
    from alframe.data.images import ImageReader

    there, paths, notes = [], [], []
    for row, position in enumerate(rows):
        try:
            path = session.content(position).path
        except UsageError:
            continue
        if path is not None:
            there.append(row)
            paths.append(path)
    names = [session.samples[rows[row]].id for row in there]
    reader = ImageReader(ImageDataOptions(size=size or _size(paths, len(rows), most), bad_images="skip"))
    images, kept = _read(reader, session.settings.source, paths, names, there)
    good = torch.zeros(len(rows), dtype=torch.bool)
    good[kept] = True
    bad = [session.samples[rows[row]].id for row in range(len(rows)) if not good[row]]
    if bad:
        more = f", ... ({len(bad):,} in all)" if len(bad) > NAMED else ""
        notes.append(f"images that are missing or can't be decoded: {', '.join(bad[:NAMED])}{more}")
        whole = torch.zeros(len(rows), *images.shape[1:], dtype=images.dtype)
        whole[kept] = images
        images = whole
    return images, good, [*notes, *reader.notes]


def _size(paths: Sequence[Path], count: int, most: int) -> int:
    """Height and width for images of which nobody said it: theirs, so far as there is room."""
    from PIL import Image

    while 3 * most**2 * count > MOST_BYTES and most > SMALLEST:
        most //= 2
    sizes = []
    for path in paths[:: max(1, len(paths) // LOOKED_AT)]:
        with contextlib.suppress(Exception), Image.open(path) as picture:  # Pillow raises what it will
            sizes.append(max(picture.size))
    return min(most, max(sizes, default=most))


def _read(
    reader: Any, what: str, paths: Sequence[Path], names: Sequence[str], rows: Sequence[int]
) -> tuple[Tensor, Tensor]:
    import warnings

    from alframe.errors import AlframeWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AlframeWarning)  # said in the notes
        found: tuple[Tensor, Tensor] = reader.read(what, paths, names, rows)
    return found


def _texts(session: Session, rows: Sequence[int]) -> tuple[Tensor, Tensor, list[str]]:
    import torch

    texts = []
    for position in rows:
        try:
            texts.append(session.content(position).text or "")
        except UsageError:
            texts.append("")
    features, note = text_features(texts, session.settings.seed)
    good = torch.tensor([bool(text) for text in texts], dtype=torch.bool)
    return torch.from_numpy(features), good, [note]
