"""Settings of the ALFA-Mix paper's program, as far as they are known. Nothing here imports torch."""

from __future__ import annotations

from typing import Any

from alframe import PresetInfo

Options = dict[str, Any]

LOW: Options = {"seeds": [1, 2, 3, 4, 5], "initial_size": 100, "query_size": 100, "rounds": 10}
HIGH: Options = LOW | {"initial_size": 1000, "query_size": 1000}
ADAM: Options = {
    "optimizer": "adam",
    "learning_rate": 0.001,
    "batch_size": 64,
    "epochs": 1000,
    "stop_accuracy": 0.99,
}
GRAPHS: dict[str, Options] = {name: {"subset": 10_000} for name in ("coregcn", "uncertaingcn")}
FLIP: Options = {"augment": ["flip"]}
FEW_EPOCHS: Options = {"epochs": 100}
VIT: Options = {"name": "vit_small", "pretrained": True, "fine_tune_layers": 1, "image_size": 224}

SOURCE = (
    "of the ALFA-Mix authors: Adam, the stop at a training accuracy of 0.99, graphs of 10,000{}; ours: {}"
)
OURS_RESNET = "the budget, the stem for 32 x 32, the learning rate, the most epochs"
OURS_VIT = (
    "{}images of 224 x 224, a whole last block that trains (theirs: its normalisation alone), 100 epochs"
)


def _preset(
    title: str,
    dataset: str,
    model: Options,
    budget: Options,
    *,
    theirs: str = "",
    ours: str,
    train: Options | None = None,
) -> PresetInfo:
    size = f"{budget['initial_size']:,} + {budget['rounds']} x {budget['query_size']:,}"
    return PresetInfo(
        summary=f"{title}, {size} labels, five seeds",
        settings={
            "run": budget,
            "data": {"name": dataset},
            "model": model,
            "train": ADAM | (train or {}),
            **GRAPHS,
        },
        reference=SOURCE.format(theirs, ours),
    )


def _both(name: str, title: str, dataset: str, model: Options, **more: Any) -> dict[str, PresetInfo]:
    """The high budget under the preset's name, and the low one."""
    return {
        name: _preset(title, dataset, model, HIGH, **more),
        f"{name}-low": _preset(title, dataset, model, LOW, **more),
    }


PRESETS = {
    "mnist-mlp": PresetInfo(
        summary="MNIST, multilayer perceptron, 100 + 10 x 100 labels, five seeds",
        settings={
            "run": LOW,
            "data": {"name": "mnist"},
            "model": {"name": "mlp", "hidden": 256},
            "train": ADAM,
            **GRAPHS,
        },
        reference="the command that the ALFA-Mix authors publish for MNIST, graph networks trained on 10,000 "
        "unlabelled samples as their program's; the seeds 1 to 5 are ours",
    ),
    "mnist-lenet": _preset(
        "MNIST, LeNet",
        "mnist",
        {"name": "lenet"},
        LOW,
        theirs=", the budget and learning rate of their command for MNIST",
        ours="LeNet's 500 features",
    ),
    "emnist-mlp": _preset(
        "EMNIST letters, multilayer perceptron",
        "emnist",
        {"name": "mlp", "hidden": 256},
        LOW | {"initial_size": 260, "query_size": 260},
        theirs=", the network and the learning rate of their command for MNIST",
        ours="ten labels a class as there",
    ),
    **_both("svhn-resnet18", "SVHN, ResNet-18", "svhn", {"name": "resnet18-cifar"}, ours=OURS_RESNET),
    **_both(
        "cifar10-resnet18", "CIFAR-10, ResNet-18", "cifar10", {"name": "resnet18-cifar"}, ours=OURS_RESNET
    ),
    **_both(
        "cifar100-resnet18", "CIFAR-100, ResNet-18", "cifar100", {"name": "resnet18-cifar"}, ours=OURS_RESNET
    ),
    **_both(
        "cifar100-vit-small",
        "CIFAR-100, DINO's ViT-Small",
        "cifar100",
        VIT,
        theirs=", the network, 1,000 labels a round",
        ours=OURS_VIT.format("ten rounds, the low budget, the learning rate, "),
        train=FEW_EPOCHS,
    ),
    **_both(
        "miniimagenet-resnet18",
        "miniImageNet, ResNet-18",
        "miniimagenet",
        {"name": "resnet18"},
        theirs=", mirrored images",
        ours="the budget, the learning rate, the most epochs",
        train=FLIP,
    ),
    **_both(
        "domainnet-real-vit-small",
        "DomainNet's photographs, DINO's ViT-Small",
        "domainnet-real",
        VIT,
        theirs=", the network, mirrored images",
        ours=OURS_VIT.format("the budget, the learning rate, "),
        train=FEW_EPOCHS | FLIP,
    ),
    **{
        f"domainnet-real-{classes}-vit-small": _preset(
            f"{classes} classes of DomainNet's photographs, DINO's ViT-Small",
            f"domainnet-real-{classes}",
            VIT,
            LOW,
            theirs=", the network, the classes, mirrored images",
            ours=OURS_VIT.format("the budget, the learning rate, "),
            train=FEW_EPOCHS | FLIP,
        )
        for classes in (20, 10)
    },
}
