"""What is known of each data set without reading it. Nothing here imports torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

IDX = ("{0}-images-idx3-ubyte", "{0}-labels-idx1-ubyte")


def idx_files(folder: str, train: str = "train", test: str = "t10k") -> tuple[str, ...]:
    """The four files of a data set in MNIST's format."""
    return tuple(f"{folder}/{pattern.format(part)}" for part in (train, test) for pattern in IDX)


@dataclasses.dataclass(frozen=True)
class Source:
    """One data set as torchvision stores it.

    Args:
        summary: one line for listings.
        reference: the paper.
        classes: number of classes.
        reader: name of the function in `_readers` that reads ``files``.
        files: paths in the data folder; ``.gz`` copies serve as well where the format is MNIST's.
        torchvision: name of the class that downloads it; "" where nothing does.
        obtain: where that is so, what to do instead.
        download: that class's arguments, one dictionary a download.
        mean: mean of each channel of the training images in 0..1; () to compute it.
        std: standard deviation of the same.
    """

    summary: str
    reference: str
    classes: int
    reader: str
    files: tuple[str, ...]
    torchvision: str = ""
    obtain: str = ""
    download: tuple[Mapping[str, object], ...] = ({"train": True}, {"train": False})
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


MNIST_MEAN, MNIST_STD = (0.1307,), (0.3081,)
CIFAR_MEAN, CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SPLITS = ({"split": "train"}, {"split": "test"})
CIFAR10_BATCHES = tuple(f"cifar-10-batches-py/data_batch_{number}" for number in range(1, 6))
STL10_FILES = tuple(f"stl10_binary/{part}_{kind}.bin" for part in ("train", "test") for kind in ("X", "y"))

SOURCES = {
    "mnist": Source(
        summary="60,000 + 10,000 handwritten digits of 28 x 28",
        reference="LeCun et al., 1998",
        classes=10,
        reader="idx",
        files=idx_files("MNIST/raw"),
        torchvision="MNIST",
        mean=MNIST_MEAN,
        std=MNIST_STD,
    ),
    "emnist": Source(
        summary="124,800 + 20,800 handwritten letters of 28 x 28",
        reference="Cohen et al., 2017, arXiv 1702.05373",
        classes=26,
        reader="emnist",
        files=idx_files("EMNIST/raw", "emnist-letters-train", "emnist-letters-test"),
        torchvision="EMNIST",
        download=({"split": "letters", "train": True},),
        mean=MNIST_MEAN,
        std=MNIST_STD,
    ),
    "fashion-mnist": Source(
        summary="60,000 + 10,000 articles of clothing of 28 x 28",
        reference="Xiao et al., 2017, arXiv 1708.07747",
        classes=10,
        reader="idx",
        files=idx_files("FashionMNIST/raw"),
        torchvision="FashionMNIST",
    ),
    "kmnist": Source(
        summary="60,000 + 10,000 cursive Japanese characters of 28 x 28",
        reference="Clanuwat et al., 2018, arXiv 1812.01718",
        classes=10,
        reader="idx",
        files=idx_files("KMNIST/raw"),
        torchvision="KMNIST",
    ),
    "usps": Source(
        summary="7,291 + 2,007 handwritten digits of 16 x 16",
        reference="Hull, IEEE PAMI 1994",
        classes=10,
        reader="usps",
        files=("usps.bz2", "usps.t.bz2"),
        torchvision="USPS",
    ),
    "svhn": Source(
        summary="73,257 + 26,032 house numbers of 3 x 32 x 32",
        reference="Netzer et al., 2011",
        classes=10,
        reader="svhn",
        files=("train_32x32.mat", "test_32x32.mat"),
        torchvision="SVHN",
        download=SPLITS,
        mean=(0.4377, 0.4438, 0.4728),
        std=(0.1980, 0.2010, 0.1970),
    ),
    "cifar10": Source(
        summary="50,000 + 10,000 photographs of 3 x 32 x 32",
        reference="Krizhevsky, 2009",
        classes=10,
        reader="cifar",
        files=(*CIFAR10_BATCHES, "cifar-10-batches-py/test_batch"),
        torchvision="CIFAR10",
        download=({"train": True},),
        mean=CIFAR_MEAN,
        std=CIFAR_STD,
    ),
    "cifar100": Source(
        summary="50,000 + 10,000 photographs of 3 x 32 x 32",
        reference="Krizhevsky, 2009",
        classes=100,
        reader="cifar",
        files=("cifar-100-python/train", "cifar-100-python/test"),
        torchvision="CIFAR100",
        download=({"train": True},),
        mean=CIFAR_MEAN,
        std=CIFAR_STD,
    ),
    "stl10": Source(
        summary="5,000 + 8,000 photographs of 3 x 96 x 96",
        reference="Coates et al., AISTATS 2011",
        classes=10,
        reader="stl10",
        files=STL10_FILES,
        torchvision="STL10",
        download=SPLITS,
    ),
    "miniimagenet": Source(
        summary="48,000 + 12,000 photographs of 3 x 84 x 84",
        reference="Vinyals et al., NeurIPS 2016, arXiv 1606.04080",
        classes=100,
        reader="miniimagenet",
        files=tuple(f"miniimagenet/mini-imagenet-cache-{part}.pkl" for part in ("train", "val", "test")),
        obtain="put the three pickled caches there, or read folders of images by "
        "imagefolder:PATH -o data.size=84",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    ),
}

DOMAINNET_REFERENCE = "Peng et al., ICCV 2019, arXiv 1812.01754"
DOMAINNET_LISTS = ("domainnet/real_train.txt", "domainnet/real_test.txt")
_TEN = ("bat", "bear", "bicycle", "bird", "bus", "butterfly", "car", "cat", "dog", "zebra")
_TWENTY = (
    *("bathtub", "bed", "bench", "carrot", "chair", "couch", "cruise_ship", "pizza", "strawberry", "table"),
    *_TEN,
)
DOMAINNET = {  # name: summary, classes
    "domainnet-real": ("120,906 + 52,041 photographs", ()),
    "domainnet-real-20": ("animals and everyday things of domainnet-real", _TWENTY),
    "domainnet-real-10": ("animals and vehicles of domainnet-real", _TEN),
}
