"""BAIT's formulas literally, in float64, with an explicit inverse a pick; shared by the tests."""

import numpy as np
from scipy import special


def factors(likelihood, z, p, c=2):
    """``V^T`` of each row, ``N x r x CD`` (binary: ``N x 1 x D``), by the paper's formulas."""
    if likelihood == "binary":
        return (np.sqrt(p.max(1) * (1 - p.max(1)))[:, None] * z)[:, None]
    rows = []
    for x, q in zip(z, p, strict=True):
        top = np.argsort(-q)[: c if likelihood == "top-c" else len(q)]
        weights = q[top] / q[top].sum()
        unit = np.eye(len(q))
        rows.append([np.sqrt(w) * np.kron(unit[j] - q, x) for w, j in zip(weights, top, strict=True)])
    return np.array(rows)


def summed(V):
    return V.reshape(-1, V.shape[2]).T @ V.reshape(-1, V.shape[2])


def start(V, VL, n, scale="program", regularization=1.0):
    """``F``, ``M_0`` and the factor of each pick."""
    fisher = (summed(V) + summed(VL)) / (len(V) + len(VL))
    total = len(VL) + n
    return (
        fisher,
        regularization * np.eye(len(fisher)) + summed(VL) / total,
        np.sqrt((n if scale == "program" else 1) / total),
    )


def gains(V, M, F, sign):
    """``tr[V^T P F P V (I +- V^T P V)^-1]`` of each row, with the explicit inverse."""
    P = np.linalg.inv(M)
    VP = (V.reshape(-1, V.shape[2]) @ P).reshape(V.shape)
    VPF = (VP.reshape(-1, V.shape[2]) @ F).reshape(V.shape)
    inner = np.eye(V.shape[1]) + sign * VP @ V.transpose(0, 2, 1)
    return np.trace(np.linalg.solve(inner, VPF @ VP.transpose(0, 2, 1)), axis1=1, axis2=2)


def picks(V, VL, n, oversampling=2, **options):
    """Algorithm 1: forward to ``2 n``, back to ``n``; an inverse a pick."""
    F, M, s = start(V, VL, n, **options)
    V, chosen = s * V, []
    while len(chosen) < min(oversampling * n, len(V)):
        gain = gains(V, M, F, 1)
        gain[chosen] = -np.inf
        chosen.append(int(gain.argmax()))
        M = M + summed(V[chosen[-1:]])
    while len(chosen) > n:
        dropped = chosen.pop(int(gains(V[chosen], M, F, -1).argmin()))
        M = M - summed(V[[dropped]])
    return chosen


def trace(V, VL, picks, n, **options):
    """``tr(M^-1 F)`` with some picks."""
    F, M, s = start(V, VL, n, **options)
    return np.trace(np.linalg.solve(M + summed(s * V[picks]), F))


def probabilities(problem):
    return [special.softmax(X @ problem.W.T + problem.b, axis=1) for X in (problem.X, problem.XL)]


def both(problem, likelihood="binary", c=2):
    p, pL = probabilities(problem)
    return factors(likelihood, problem.X, p, c), factors(likelihood, problem.XL, pL, c)
