"""What the learning process does for a request: trains on what is labelled, and says what should come next.

Runs in that process alone, see `alframe.labelling.learner_process`: the server imports no torch.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe.labelling.estimates import draw, proposal
from alframe.labelling.formats.dataset import SIZE, dataset
from alframe.labelling.learner_process import Message, Request
from alframe.labelling.network import AUTO, Material, material
from alframe.labelling.pretrained import most_size
from alframe.labelling.session import Session
from alframe.learning.diagnostics import agreement
from alframe.learning.learner import ActiveLearner, Query
from alframe.records.reading import Unusable, read_bytes
from alframe.records.writing import replace

CACHE = "model"  # folder in the session's; may be deleted at any time
AUDIT_FILE = "audit.json"
AUDIT_FROM = 20  # labels from which on a network's doubt is worth drawing by
MOST_SUGGESTED = 20_000  # samples; of more, those alone that are about to be shown


class Learning:
    """Answers requests, one after the other.

    Args:
        folder: the session's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._version = 0
        self._before: Tensor | None = None
        self._untold: list[str] = []
        self._open()

    def _open(self) -> None:
        session = Session.read(self._folder)
        self._settings, self._audit = session.settings, torch.tensor(session.audit, dtype=torch.int64)
        most = most_size() if self._settings.model == AUTO else None
        data = dataset(session, most=most or SIZE)
        self._material: Material = material(session, data, self._folder / CACHE)
        self._blank = self._material.blank
        self._untold += self._material.notes

    def __call__(self, request: Request) -> Iterator[Message]:
        """Yields notes, and then a model's answer or, where there can be none yet, picks alone."""
        size = len(self._material.dataset)
        if max([*request.positions, *request.pending], default=-1) >= size:
            self._open()  # samples were added
        told, self._untold = self._untold, []
        yield from (Message("note", text=text) for text in told)
        learner = self._learner(request)
        if len(set(request.classes)) < 2:
            how = self._material.start
            by = "drawn at random" if how == "random" else f"by {how}"
            text = f"picks are {by} until two classes are labelled"
            yield Message("model", labels=len(request.positions), text=text, **self._picks(learner, request))
            return
        learner.fit()
        self._version += 1
        yield self._message(learner, request)

    def _learner(self, request: Request) -> ActiveLearner:
        """A new one each time: labels may have been corrected or taken back, and classes added."""
        made = self._material
        learner = ActiveLearner(
            made.labelled(request.positions, request.classes, max(2, request.num_classes)),
            made.model,
            self._settings.strategy,
            seed=self._settings.seed,
            start=made.start,
            stages=made.stages,
        )
        learner.round = self._version
        return learner

    def _picks(self, learner: ActiveLearner, request: Request) -> dict[str, Any]:
        without = torch.cat([self._audit, self._blank, torch.tensor(request.passed, dtype=torch.int64)])
        pending = torch.tensor(request.pending, dtype=torch.int64)
        free = ~torch.isin(learner.unlabelled, torch.cat([without, pending]))
        if request.want < 1 or not bool(free.any()):
            return {}
        query: Query = learner.query(request.want, pending, without)
        scores = [] if query.scores is None else query.scores[query.picks].tolist()
        return {"picks": query.indices.tolist(), "scores": scores}

    def _message(self, learner: ActiveLearner, request: Request) -> Message:
        picks = self._picks(learner, request)
        probabilities = learner.probabilities(torch.arange(len(self._material.dataset))).cpu()
        best, classes = probabilities.max(dim=1)
        comparable = self._before is not None and len(self._before) == len(classes)
        kappa = agreement(self._before, classes) if comparable and self._before is not None else None
        self._before = classes
        audit_picks, q = self._audit_order(best, len(request.positions))
        return Message(
            "model",
            version=self._version,
            labels=len(request.positions),
            suggestions=self._suggestions(classes, best, request, picks.get("picks", [])),
            audit=dict(zip(self._audit.tolist(), classes[self._audit].tolist(), strict=True)),
            audit_picks=audit_picks,
            q=q,
            kappa=kappa,
            **picks,
        )

    def _suggestions(
        self, classes: Tensor, best: Tensor, request: Request, picks: list[int]
    ) -> dict[int, tuple[int, float]]:
        rows = torch.arange(len(classes))
        if len(rows) > MOST_SUGGESTED:
            rows = torch.tensor([*picks, *request.pending, *request.positions], dtype=torch.int64).unique()
        rows = rows[~torch.isin(rows, torch.cat([self._audit, self._blank]))]
        said = zip(classes[rows].tolist(), best[rows].tolist(), strict=True)
        return dict(zip(rows.tolist(), said, strict=True))

    def _audit_order(self, best: Tensor, labels: int) -> tuple[list[int], list[float] | None]:
        """Where the audit is active: in which order its samples were drawn, and with which probabilities.

        They are drawn once, by the first network that knows enough, and kept on disk.
        """
        if self._settings.audit_by != "active" or not len(self._audit):
            return [], None
        path = self._folder / CACHE / AUDIT_FILE
        with contextlib.suppress(FileNotFoundError, Unusable, ValueError, KeyError, TypeError):
            kept = json.loads(read_bytes(path))
            return list(map(int, kept["order"])), list(map(float, kept["q"]))
        if labels < AUDIT_FROM:
            return [], None
        generator = np.random.default_rng(self._settings.seed)
        rows, q = draw(proposal(best[self._audit].numpy()), self._settings.audit, generator)
        order = self._audit[rows].tolist()
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"order": order, "q": q}).encode()
        replace(path, lambda file: file.write(text))
        return order, q
