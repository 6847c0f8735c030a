"""Features of a body that stays as it is: computed once, and kept for whoever has the same body.

As long as somebody has them they are shared, and where they were expensive they are kept on disk.
"""

from __future__ import annotations

import hashlib
import io
import sys
import time
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alframe.data.image_files import ImageFiles
from alframe.data.samples import Samples
from alframe.errors import AlframeWarning
from alframe.networks.classifier import Classifier
from alframe.ops.blocks import rows_per_pass
from alframe.ops.digest import digest_of
from alframe.records.reading import Unusable, read_bytes
from alframe.records.writing import replace

PROBED = 16  # samples whose features enter the key
CHECKSUM = hashlib.sha256().digest_size
WORTH_KEEPING = 1.0  # seconds of computing from which on a file is written: to read one takes about as long

_shared: weakref.WeakValueDictionary[tuple[str, torch.device], Tensor] = weakref.WeakValueDictionary()


def frozen_features(
    model: Classifier, samples: Samples, folder: Path | None, progress: Callable[[int, int], None]
) -> Tensor:
    """Features of all samples, ``n x D`` on their device; not to be changed, for others may have them too.

    Args:
        model: the network, in evaluation mode.
        samples: ``n`` samples.
        folder: where features are looked for, and kept if they took long to compute; or None. A file's name
            is a hash of the samples, of the body's weights and of the features of a few samples, in which
            transform, code and device show. A file is believed where its checksum, type and shape are right;
            else features are computed anew.
        progress: told ``(samples done, samples)``.
    """
    if folder is None:
        return _computed(model, samples, progress)
    probed = _features(model, samples, torch.arange(min(PROBED, len(samples))))
    key = _key(model, samples, probed)
    features = _shared.get((key, probed.device))
    if features is None:
        path = folder / f"{key}.npy"
        kept = _read(path, len(samples), probed)
        features = None if kept is None else kept.to(probed.device)
    if features is None:
        begun = time.perf_counter()
        features = _computed(model, samples, progress)
        if features.device.type == "cuda":
            torch.cuda.synchronize(features.device)
        if time.perf_counter() - begun >= WORTH_KEEPING:
            _write(path, features)
    _shared[key, probed.device] = features
    return features


def _computed(model: Classifier, samples: Samples, progress: Callable[[int, int], None]) -> Tensor:
    most = rows_per_pass(samples.stored[:1].numel(), samples.device)
    return torch.cat(
        list(features_by_blocks(model, samples, torch.arange(len(samples)).split(most), progress))
    )


@torch.no_grad()
def features_by_blocks(
    model: Classifier,
    samples: Samples,
    parts: Sequence[Tensor],
    progress: Callable[[int, int], None],
) -> Iterator[Tensor]:
    """Features of some samples after the others, ``b x D`` each, on the samples' device.

    Args:
        model: the network, in evaluation mode.
        samples: all samples.
        parts: ``b`` positions each.
        progress: told ``(samples done, samples)``.
    """
    done, total = 0, sum(map(len, parts))
    for inputs in samples.batches(parts):
        features = model.features(inputs)
        done += len(inputs)
        progress(done, total)
        yield features


@torch.no_grad()
def _features(model: Classifier, samples: Samples, rows: Tensor) -> Tensor:
    return model.features(samples.batch(rows))


def _key(model: Classifier, samples: Samples, probed: Tensor) -> str:
    content = samples.stored
    if isinstance(content, ImageFiles):
        content = torch.frombuffer(bytearray(content.fingerprint.encode()), dtype=torch.uint8)
    return digest_of([content, *model.body.state_dict().values(), probed])[:32]


def _read(path: Path, count: int, probed: Tensor) -> Tensor | None:
    """What `_write` wrote; None where there is nothing, or something else than that."""
    try:
        content = memoryview(read_bytes(path, most=sys.maxsize))
        array, checksum = content[:-CHECKSUM], content[-CHECKSUM:]
        if hashlib.sha256(array).digest() != checksum:
            return None
        features = torch.from_numpy(np.load(io.BytesIO(array), allow_pickle=False))
    except (FileNotFoundError, Unusable, ValueError, TypeError, EOFError):  # of a dtype that torch lacks, too
        return None
    wanted = (probed.dtype, (count, *probed.shape[1:]))
    return features if (features.dtype, tuple(features.shape)) == wanted else None


def _write(path: Path, features: Tensor) -> None:
    content = io.BytesIO()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(content, features.cpu().numpy())
        array = content.getbuffer()
        checksum = hashlib.sha256(array).digest()  # behind what NumPy reads: the file is one of NumPy's
        replace(path, lambda file: (file.write(array), file.write(checksum)), shared=True)
    except OSError as error:
        warnings.warn(
            f"features can't be kept in {path.parent}: {error.strerror or error}",
            AlframeWarning,
            stacklevel=2,
        )
