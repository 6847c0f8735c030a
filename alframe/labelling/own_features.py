"""Samples as the numbers that a plugin's source makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from alframe.labelling.session import Session

NAMED = 5


def own_features(session: Session, rows: Sequence[int]) -> tuple[Tensor, Tensor, list[str]]:
    """The numbers of the samples at some positions.

    Args:
        session: whose source has ``features``.
        rows: ``N`` positions.

    Returns:
        ``N x D`` float32 rows, which of them could be read, and what is said of the others: their rows are
        zeros.

    Raises:
        PluginError: the plugin fails, or gives something else.
    """
    import torch

    assert session.info is not None
    assert session.info.features is not None
    there = [
        row for row, n in enumerate(rows) if session.source is not None and not session.samples[n].missing
    ]
    ids = [session.samples[rows[row]].id for row in there]
    found = torch.from_numpy(session.info.features(session.source, ids)) if ids else torch.zeros(0, 1)
    fine = found.isfinite().all(dim=1) & found.any(dim=1)
    inputs = torch.zeros(len(rows), found.shape[1])
    good = torch.zeros(len(rows), dtype=torch.bool)
    kept = torch.tensor(there, dtype=torch.int64)[fine]
    inputs[kept], good[kept] = found[fine], True
    bad = [session.samples[rows[row]].id for row in range(len(rows)) if not good[row]]
    if not bad:
        return inputs, good, []
    more = f", ... ({len(bad):,} in all)" if len(bad) > NAMED else ""
    return inputs, good, [f"samples that are missing or have no numbers: {', '.join(bad[:NAMED])}{more}"]
