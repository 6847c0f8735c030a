"""Settings of the ALFA-Mix paper's program, as far as they are known. Nothing here imports torch."""

from __future__ import annotations

from typing import Any

from alframe import PresetInfo

BUDGET = {"seeds": [1, 2, 3, 4, 5], "initial_size": 100, "query_size": 100, "rounds": 10}
ADAM = {"optimizer": "adam", "learning_rate": 0.001, "batch_size": 64, "epochs": 1000, "stop_accuracy": 0.99}
OURS = (
    "the ALFA-Mix authors train all networks by Adam and stop at a training accuracy of 0.99; the budget is "
    "that of the command they publish for MNIST; {}"
)


def _preset(dataset: str, network: str, summary: str, ours: str, **budget: Any) -> PresetInfo:
    return PresetInfo(
        summary=summary,
        settings={
            "run": BUDGET | budget,
            "data": {"name": dataset},
            "model": {"name": network},
            "train": ADAM,
        },
        reference=OURS.format(ours),
    )


_ON_RESNET = "the network's stem for 32 x 32, the learning rate and the most epochs are ours"
_LARGE = {"initial_size": 1000, "query_size": 1000}

PRESETS = {
    "mnist-mlp": PresetInfo(
        summary="MNIST, multilayer perceptron, 100 + 10 x 100 labels, five seeds",
        settings={
            "run": BUDGET,
            "data": {"name": "mnist"},
            "model": {"name": "mlp", "hidden": 256},
            "train": ADAM,
        },
        reference="the command that the ALFA-Mix authors publish for MNIST; the seeds 1 to 5 are ours",
    ),
    "mnist-lenet": _preset(
        "mnist", "lenet", "MNIST, LeNet, 100 + 10 x 100 labels, five seeds", "LeNet's 500 features are ours"
    ),
    "emnist-mlp": _preset(
        "emnist",
        "mlp",
        "EMNIST letters, multilayer perceptron, 260 + 10 x 260 labels, five seeds",
        "ten labels a class in place of MNIST's are ours",
        initial_size=260,
        query_size=260,
    ),
    "svhn-resnet18": _preset(
        "svhn",
        "resnet18-cifar",
        "SVHN, ResNet-18, 1,000 + 10 x 1,000 labels, five seeds",
        _ON_RESNET,
        **_LARGE,
    ),
    "cifar10-resnet18": _preset(
        "cifar10",
        "resnet18-cifar",
        "CIFAR-10, ResNet-18, 1,000 + 10 x 1,000 labels, five seeds",
        _ON_RESNET,
        **_LARGE,
    ),
    "cifar10-resnet18-low": _preset(
        "cifar10", "resnet18-cifar", "CIFAR-10, ResNet-18, 100 + 10 x 100 labels, five seeds", _ON_RESNET
    ),
    "cifar100-resnet18": _preset(
        "cifar100",
        "resnet18-cifar",
        "CIFAR-100, ResNet-18, 1,000 + 10 x 1,000 labels, five seeds",
        _ON_RESNET,
        **_LARGE,
    ),
}
