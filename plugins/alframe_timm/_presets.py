"""Protocols of active learning on features of foundation models. Nothing here imports torch."""

from __future__ import annotations

from typing import Any

from alframe import PresetInfo

DINOV2 = {"name": "timm:vit_small_patch14_dinov2.lvd142m", "pretrained": True, "image_size": 224}
CLIP = {"name": "timm:vit_base_patch32_clip_224.openai", "pretrained": True}
NINE = ["random", "margin", "badge", "bait", "typiclust", "alfamix", "dropquery", "maxherding", "uherding"]

REFINE = (
    "REFINE (arXiv 2511.22344): its nine strategies, one label a class and round, 20 rounds, queries of a "
    "random part of the pool; ours: the smallest network, logistic regression in place of SGD, ten seeds"
)
LABELBENCH = (
    "LabelBench (Zhang et al., arXiv 2306.09910): CLIP's ViT-B/32, rounds of 1,000 labels; ours: logistic "
    "regression in place of AdamW, ten seeds"
)


def _preset(title: str, dataset: str, model: dict[str, Any], run: dict[str, Any], source: str) -> PresetInfo:
    size = f"{run['initial_size']:,} + {run['rounds']} x {run['query_size']:,}"
    return PresetInfo(
        summary=f"{title}, a linear head, {size} labels, ten seeds",
        settings={
            "run": {"seeds": list(range(1, 11)), "strategy": NINE, **run},
            "data": {"name": dataset},
            "model": model,
            "stages": {"train": "linear-probe"},
        },
        reference=source,
    )


def _refine(title: str, dataset: str, classes: int, pool_size: int) -> PresetInfo:
    run = {"initial_size": classes, "query_size": classes, "rounds": 20, "pool_size": pool_size}
    return _preset(f"{title}, DINOv2's ViT-Small", dataset, DINOV2, run, REFINE)


def _labelbench(title: str, dataset: str) -> PresetInfo:
    run = {"initial_size": 1000, "query_size": 1000, "rounds": 9}
    return _preset(f"{title}, CLIP's ViT-B/32", dataset, CLIP, run, LABELBENCH)


PRESETS = {
    "probe-cifar10-dinov2": _refine("CIFAR-10", "cifar10", 10, 1000),
    "probe-stl10-dinov2": _refine("STL-10", "stl10", 10, 1000),
    "probe-cifar100-dinov2": _refine("CIFAR-100", "cifar100", 100, 2500),
    "probe-cifar10-clip": _labelbench("CIFAR-10", "cifar10"),
    "probe-cifar100-clip": _labelbench("CIFAR-100", "cifar100"),
}
