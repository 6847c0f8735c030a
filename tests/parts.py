"""A round whose samples are labelled in parts, as a select hook sees it, without the engine around it."""

import torch
from torch import nn

from alframe import Context
from alframe.contract.views import LabelledView, PoolView
from alframe.data.samples import Samples
from alframe.learning.rows import NetworkRows
from alframe.networks.classifier import Classifier

CPU = torch.device("cpu")


class Parts:
    """The samples of a problem, of which those of its labelled set have labels.

    Args:
        problem: of the fixture ``problem``.
        seed: of each part's random numbers, with its number.
    """

    def __init__(self, problem, seed=0):
        W, b = (torch.tensor(part).float() for part in (problem.W, problem.b))
        head = nn.Linear(W.shape[1], len(W))
        head.load_state_dict({"weight": W, "bias": b})
        self._model = Classifier(nn.Identity(), head).eval()
        X = torch.cat([torch.tensor(part).float() for part in (problem.X, problem.XL)])
        self._of = lambda rows: NetworkRows(self._model, Samples(X, CPU), torch.tensor(rows).long(), 0, X)
        self.classes, self._seed = len(W), seed
        N = len(problem.X)
        self.pool, self.taken = list(range(N)), []
        self.labels = {N + row: int(label) for row, label in enumerate(problem.yL)}

    @property
    def probs(self):
        """Class probabilities of all samples."""
        return PoolView(self._of(sorted([*self.pool, *self.taken, *self.labels]))).probs

    def asked(self, select, truth, n, size, forgets=False, shuffles=False):
        """Positions that a hook chooses, each part with the labels of those before.

        Args:
            select: called with ``pool``, ``labelled``, ``pending``, ``n`` and ``ctx``.
            truth: the label of each sample.
            n: how many samples.
            size: of a part.
            forgets: whether ``ctx.round_cache`` is lost between the parts.
            shuffles: whether the pool has another order in each.
        """
        found, state, cache = [], {}, {}
        for step, left in enumerate(range(n, 0, -size)):
            pool = self.pool
            if shuffles:
                pool = [pool[i] for i in torch.randperm(len(pool))]
            ctx = Context(
                round=1,
                num_classes=self.classes,
                device=CPU,
                generator=torch.Generator().manual_seed(self._seed + step),
                model=self._model,
                state=state,
                round_cache={} if forgets else cache,
                step=step,
                left=left,
            )
            labelled = LabelledView(
                self._of(list(self.labels)), torch.tensor(list(self.labels.values())).long()
            )
            views = {
                "pool": PoolView(self._of(pool)),
                "labelled": labelled,
                "pending": PoolView(self._of(self.taken)),
            }
            picks = [pool[i] for i in select(**views, n=min(size, left), ctx=ctx).tolist()]
            found += picks
            self.labels |= {pick: truth[pick] for pick in picks}
            self.pool = [row for row in self.pool if row not in self.labels]
        return found
