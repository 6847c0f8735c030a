"""Equations 1, 5 and 6 of the paper, literally, in float64; shared by the tests."""

import numpy as np
import torch


def softmax_of_others(logits, y):
    """``(p - onehot(y)) / (1 - p_y)``: the loss's gradient up to a factor that would underflow."""
    others = logits.copy()
    others[y] = -np.inf
    q = np.exp(others - others.max())
    q /= q.sum()
    q[y] = -1
    return q


def flips(z, W, b, anchors, cap, dead_units=True):
    """Eq. 6: does mixing with some anchor change the class of ``z`` at this cap?"""
    logits = W @ z + b
    y = logits.argmax()
    g = W.T @ softmax_of_others(logits, y)
    if len(W) == 1 or np.linalg.norm(g) == 0:
        return False
    e = cap / np.sqrt(len(z))
    for anchor in anchors:
        difference = anchor - z
        step = e * np.linalg.norm(difference) * g / np.linalg.norm(g)
        moving = difference != 0
        a = np.divide(step, difference, out=np.zeros_like(step), where=moving)  # eq. 5
        mixed = np.where(moving, (1 - a) * z + a * anchor, z)  # eq. 1
        if not dead_units:
            mixed = z + step
        if (W @ mixed + b).argmax() != y:
            return True
    return False


def candidate_set(problem, cap, **kwargs):
    z, W, b, anchors = (np.asarray(part, dtype=np.float64) for part in problem)
    return {i for i in range(len(z)) if flips(z[i], W, b, anchors, cap, **kwargs)}


def relu_problem(n, d, classes, seed, labelled=60, dtype=torch.float32, scale=1.0):
    """ReLU features in which each class has its own dead units, a linear head, and class means as anchors."""
    g = torch.Generator().manual_seed(seed)
    alive = (torch.rand(classes, d, generator=g) > 0.4).to(dtype)
    centres = torch.randn(classes, d, generator=g, dtype=dtype)

    def draw(m):
        y = torch.randint(classes, (m,), generator=g)
        return ((centres[y] + torch.randn(m, d, generator=g, dtype=dtype)).relu() * alive[y]), y

    z, _ = draw(n)
    zl, yl = draw(labelled)
    W = centres * 0.1 + torch.randn(classes, d, generator=g, dtype=dtype) * 0.1
    b = torch.randn(classes, generator=g, dtype=dtype) * 0.1
    return z, W * scale, b * scale, zl, yl
