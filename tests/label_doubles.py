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
        self.failed = ""
        self.requests = []
        self.answers = []
        self.closed = False

    def send(self, positions, classes, num_classes, pending, want, passed):
        self.requests.append(
            SimpleNamespace(
                positions=positions,
                classes=classes,
                num_classes=num_classes,
                pending=pending,
                want=want,
                passed=passed,
            )
        )

    def poll(self):
        answers, self.answers = self.answers, []
        return answers

    def close(self):
        self.closed = True

    def answer(self, picks=(), suggestions=(), audit=(), version=1, labels=0, **more):
        told = {"audit_picks": [], "q": None, "kappa": None, "text": ""} | more
        self.answers.append(
            SimpleNamespace(
                kind="model",
                version=version,
                labels=labels,
                picks=list(picks),
                scores=[],
                suggestions=dict(suggestions),
                audit=dict(audit),
                **told,
            )
        )

    def note(self, text, kind="note"):
        self.answers.append(SimpleNamespace(kind=kind, text=text))


class QuickLearner(FakeLearner):
    """Answers each request at once: an order at random, and the true class as often as it has learned.

    Args:
        targets: the classes.
        wrong: how often it gives another class in the end.
        learns: after how many labels it is wrong but twice as often as in the end; 0: from the start.
    """

    def __init__(self, targets, wrong=0.05, learns=0, seed=0):
        super().__init__()
        self.targets, self.wrong, self.learns = targets, wrong, learns
        self.rng = np.random.default_rng(seed)
        self.luck = self.rng.random(len(targets))

    def send(self, positions, classes, num_classes, pending, want, passed):
        super().send(positions, classes, num_classes, pending, want, passed)
        wrong = self.wrong * (1 + self.learns / max(1, len(positions))) if self.learns else self.wrong
        said = {
            n: target if self.luck[n] >= wrong else (target + 1) % num_classes
            for n, target in enumerate(self.targets)
        }
        left = [n for n in said if n not in {*positions, *pending, *passed}]
        p = self.rng.uniform(0.4, 0.95, len(said))
        self.answer(
            picks=self.rng.permutation(left).tolist(),
            suggestions={n: (said[n], float(p[n])) for n in said},
            audit=said,
            version=len(self.requests),
            labels=len(positions),
        )
