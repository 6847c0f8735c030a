"""A folder of small pictures to label, and a process that learns with known answers."""

from functools import cache
from types import SimpleNamespace

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits


@cache
def _digits():
    return load_digits(return_X_y=True)


def write_digits(folder, count=60):
    """Handwritten digits as PNG files, `folder/0003.png`; gives their classes."""
    images, targets = _digits()
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        shades = (255 - images[number].reshape(8, 8) * 255 / 16).astype(np.uint8)
        Image.fromarray(shades).save(folder / f"{number:04}.png")
    return targets[:count].tolist()


class FakeLearner:
    """Answers a request when the test tells it to, with what the test wants."""

    def __init__(self):
        self.failed = None
        self.requests = []
        self.answers = []
        self.closed = False

    def send(self, positions, classes, num_classes, pending, want):
        self.requests.append(
            SimpleNamespace(
                positions=positions, classes=classes, num_classes=num_classes, pending=pending, want=want
            )
        )

    def poll(self):
        answers, self.answers = self.answers, []
        return answers

    def close(self):
        self.closed = True

    def answer(self, picks=(), suggestions=(), audit=(), version=None, labels=0, **more):
        self.answers.append(
            SimpleNamespace(
                kind="model",
                version=1 if version is None else version,
                labels=labels,
                picks=list(picks),
                scores=[],
                suggestions=dict(suggestions),
                audit=dict(audit),
                q=None,
                text="",
                **more,
            )
        )

    def note(self, text):
        self.answers.append(SimpleNamespace(kind="note", text=text))


class QuickLearner(FakeLearner):
    """Answers each request at once: the order of the positions, and the true class with 0.7."""

    def __init__(self, targets, wrong=0.1, seed=0):
        super().__init__()
        self.targets, self.wrong, self.rng = targets, wrong, np.random.default_rng(seed)

    def send(self, positions, classes, num_classes, pending, want):
        super().send(positions, classes, num_classes, pending, want)
        said = {
            n: target if self.rng.random() > self.wrong else int(self.rng.integers(num_classes))
            for n, target in enumerate(self.targets)
        }
        left = [n for n in said if n not in set(positions) | set(pending)]
        p = self.rng.uniform(0.4, 0.95, len(said))
        self.answer(
            picks=self.rng.permutation(left).tolist(),
            suggestions={n: (said[n], float(p[n])) for n in said},
            audit=said,
            version=len(self.requests),
            labels=len(positions),
        )
