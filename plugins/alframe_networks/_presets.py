"""A protocol of active learning for features that are at hand. Nothing here imports torch."""

from __future__ import annotations

from alframe import PresetInfo

NINE = ["random", "margin", "badge", "bait", "typiclust", "alfamix", "dropquery", "maxherding", "uherding"]
RECIPE = {
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 5e-4,
    "epochs": 200,
    "batch_size": 64,
    "stop_accuracy": "none",
}
REFERENCE = (
    "REFINE (arXiv 2511.22344): its nine strategies, its recipe, a label a class and round, 20 rounds, "
    "queries of a random part of the pool; ours: ten seeds, and whichever features you bring"
)


def _refine(classes: int, pool_size: int) -> PresetInfo:
    budget = {"initial_size": classes, "query_size": classes, "rounds": 20, "pool_size": pool_size}
    return PresetInfo(
        summary=f"features at hand, a linear head by SGD, {classes} + 20 x {classes} labels, ten seeds",
        settings={
            "run": {"seeds": list(range(1, 11)), "strategy": NINE, **budget},
            "model": {"name": "linear"},
            "train": RECIPE,
        },
        reference=REFERENCE,
    )


PRESETS = {"probe-10-classes": _refine(10, 1000), "probe-100-classes": _refine(100, 2500)}
