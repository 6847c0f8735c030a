"""Features of a body that stays as it is: computed once, and kept on disk for whoever has the same body."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alframe.data.samples import Samples
from alframe.errors import AlframeWarning
from alframe.networks.classifier import Classifier
from alframe.ops.blocks import BATCH_SIZE
from alframe.records.writing import replace

PROBED = 16  # samples whose features enter the key


def frozen_features(
    model: Classifier, samples: Samples, folder: Path | None, progress: Callable[[int, int], None]
) -> Tensor:
    """Features of all samples, ``n x D`` on their device.

    Args:
        model: the network, in evaluation mode.
        samples: ``n`` samples.
        folder: where features are looked for and kept, or None. A file's name is a hash of the samples, of
            the body's weights and of the features of a few samples, in which transform, code and device show.
        progress: told ``(samples done, samples)``.
    """
    path = None if folder is None else folder / f"{_key(model, samples)}.npy"
    if path is not None and (kept := _read(path, len(samples))) is not None:
        return kept.to(samples.device)
    parts = []
    for rows in torch.arange(len(samples)).split(BATCH_SIZE):
        parts.append(_features(model, samples, rows))
        progress(int(rows[-1]) + 1, len(samples))
    features = torch.cat(parts)
    if path is not None:
        _write(path, features)
    return features


@torch.no_grad()
def _features(model: Classifier, samples: Samples, rows: Tensor) -> Tensor:
    return model.features(samples.batch(rows))


def _key(model: Classifier, samples: Samples) -> str:
    digest = hashlib.sha256()
    probed = _features(model, samples, torch.arange(min(PROBED, len(samples))))
    for tensor in (samples.stored, *model.body.state_dict().values(), probed):
        digest.update(f"{tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:32]


def _read(path: Path, count: int) -> Tensor | None:
    try:
        features = torch.from_numpy(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError):  # not there, or cut off
        return None
    return features if len(features) == count else None


def _write(path: Path, features: Tensor) -> None:
    array = features.cpu().numpy()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, lambda file: np.save(file, array), shared=True)
    except OSError as error:
        warnings.warn(
            f"features can't be kept in {path.parent}: {error.strerror or error}",
            AlframeWarning,
            stacklevel=2,
        )
