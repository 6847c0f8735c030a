"""Protocols of active learning on texts. Nothing here imports torch."""

from __future__ import annotations

from typing import Any

from alframe import PresetInfo

SEEDS = [1, 2, 3, 4, 5]
STRATEGIES = ["random", "entropy", "margin", "least-confidence", "cal"]
RUN = {"seeds": SEEDS, "strategy": STRATEGIES, "initial_size": 25, "query_size": 25, "rounds": 20}
TRAIN = {
    "optimizer": "adamw",
    "learning_rate": 2e-5,
    "weight_decay": 0.01,
    "batch_size": 12,
    "epochs": 15,
    "validation": 0.1,
    "patience": 5,
    "stop_accuracy": 0.98,
}
DISTILROBERTA = "transformers:distilbert/distilroberta-base"

SOURCE = (
    "Schröder, Niekler and Potthast, Findings of ACL 2022, arXiv 2107.05687: 25 + 20 x 25 labels, "
    "strategies, DistilRoBERTa, learning rate, batch size, five repetitions; ours: the mean of the tokens in "
    "place of the first one, a constant learning rate{}. Not run by us: --download fetches data and weights"
)


def _preset(title: str, data: dict[str, Any], max_length: int, ours: str) -> PresetInfo:
    return PresetInfo(
        summary=f"{title}, DistilRoBERTa fine-tuned, 25 + 20 x 25 labels, five seeds; not run by us",
        settings={
            "run": RUN,
            "data": data | {"name": f"huggingface:{data['name']}"},
            "model": {"name": DISTILROBERTA, "max_length": max_length},
            "train": TRAIN,
        },
        reference=SOURCE.format(ours),
    )


PRESETS = {
    "ag-news": _preset("AG's news", {"name": "fancyzhx/ag_news", "text": "text", "target": "label"}, 64, ""),
    "movie-reviews": _preset(
        "movie reviews (MR)",
        {"name": "cornell-movie-review-data/rotten_tomatoes", "text": "text", "target": "label"},
        64,
        ", the split",
    ),
    "subjectivity": _preset(
        "subjectivity (SUBJ)", {"name": "SetFit/subj", "text": "text", "target": "label"}, 64, ", the split"
    ),
    "trec": _preset(
        "TREC's questions, six classes",
        {"name": "SetFit/TREC-QC", "text": "text", "target": "label_coarse"},
        64,
        "",
    ),
}
