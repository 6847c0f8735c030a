"""Features of a folder of photographs: images held in memory, and read from their files; seconds and memory.

    python benchmarks/embed.py
    python benchmarks/embed.py --images 20000 --size 64 --model resnet18-cifar --workers 0,2,8
    python benchmarks/embed.py --folder photos --size 224 --model resnet50 --device cuda --workers 16

Photographs are made, gradients with noise as JPEG, unless a folder is given. "held" loads all, as data sets
do that take less than a quarter of memory, and computes features as a run does; "files" is the same with the
images left in their files. "embed" is `alframe embed`, with threads or with processes that decode, and
"embed again" when nothing is left to do. Whoever leaves images in files decodes each twice: a look at each
for mean, deviation and damage, then the features. Each case is a process of its own, imports left out of the
seconds; the memory is the most that it and the processes below it held of their own (RssAnon) at one time,
looked at every 20 ms, less what it held before it began. All give the same features: their hash is shown.
"""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.table import Table

SAMPLED = 0.02  # seconds between two looks at memory


class Case(NamedTuple):
    """What is measured: a kind of work, and how."""

    name: str
    folder: Path
    out: Path
    size: int
    model: str
    device: str
    workers: int


def make_photos(folder: Path, count: int, *, threads: bool = False) -> None:
    """Writes photographs of 160 x 120 in two classes, by processes or threads."""
    for label in ("one", "two"):
        (folder / label).mkdir(parents=True)
    with ThreadPoolExecutor() if threads else ProcessPoolExecutor() as pool:
        list(pool.map(_write, itertools.repeat(folder), range(count), chunksize=200))


def _write(folder: Path, number: int) -> None:
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(number)
    across, down = np.linspace(0, 1, 160)[None, :, None], np.linspace(0, 1, 120)[:, None, None]
    pixels = 255 * (across * rng.random(3) + down * rng.random(3)) / 2 + rng.normal(0, 8, (120, 160, 3))
    place = folder / ("one", "two")[number % 2] / f"{number:06}.jpg"
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(place, quality=85)


def own_memory(pid: int) -> int:
    """Bytes that a process and those below it hold of their own."""
    total = 0
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                total += 1024 * int(line.split()[1])
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(map(own_memory, map(int, (task / "children").read_text().split())))
    except OSError:  # it has just ended
        pass
    return total


class Watched:
    """The most memory of a process within a ``with`` block."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.before = self.most = own_memory(pid)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(SAMPLED):
            self.most = max(self.most, own_memory(self._pid))


def _held(case: Case) -> str:
    return _loaded_features(case, share=float("inf"))


def _files(case: Case) -> str:
    return _loaded_features(case, share=0.0)


def _loaded_features(case: Case, share: float) -> str:
    from alframe.data import decoding
    from alframe.data.samples import Samples
    from alframe.experiments.embedding import job_of
    from alframe.learning.frozen import frozen_features
    from alframe.learning.loading import build_network, loaded
    from alframe.networks.devices import on_device, resolve_device
    from alframe.registry.registry import installed

    decoding.SHARE = share
    job = job_of(installed(), f"imagefolder:{case.folder}", case.model, {"data": {"size": case.size}})
    dataset, device = loaded(job.dataset, job.request).prepared(), resolve_device(case.device)
    model = on_device(build_network(job.model, "", job.options, dataset, 0), device).eval()
    samples = Samples(dataset.inputs, device, dataset.transform)
    features = frozen_features(model, samples, None, lambda done, total: None)
    return hashlib.sha256(features.cpu().numpy().tobytes()).hexdigest()


def _embed(case: Case) -> str:
    import numpy as np

    from alframe.experiments.embedding import embed, job_of
    from alframe.registry.registry import installed

    sections = {"data": {"size": case.size}}
    others = {"dtype": "float32", "workers": case.workers, "device": case.device, "part_rows": 4096}
    job = job_of(installed(), f"imagefolder:{case.folder}", case.model, sections, **others)
    embed(job, case.out, lambda stage, done, total: None)
    found = hashlib.sha256()
    for part in sorted(case.out.glob("part-*.npy")):
        found.update(np.load(part).tobytes())
    return found.hexdigest()


KINDS: dict[str, Callable[[Case], str]] = {
    "held": _held,
    "files": _files,
    "embed": _embed,
    "embed again": _embed,
}


def _in_process(case: Case, connection: Connection) -> None:
    with tempfile.TemporaryDirectory() as temporary:  # what is imported on the way is not measured
        make_photos(Path(temporary) / "few", 40, threads=True)
        few = case._replace(folder=Path(temporary) / "few", out=Path(temporary) / "feats", workers=0)
        KINDS[case.name](few)
    connection.send(None)
    connection.recv()
    begun = time.perf_counter()
    found = KINDS[case.name](case)
    connection.send((time.perf_counter() - begun, found))


def measured(case: Case) -> tuple[float, int, str]:
    """Seconds, bytes and a hash of the features of a case, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_in_process, args=(case, there))
    process.start()
    here.recv()
    assert process.pid is not None
    with Watched(process.pid) as memory:
        here.send(None)
        seconds, found = here.recv()
    process.join()
    return seconds, memory.most - memory.before, found


@click.command()
@click.option("--images", default=20_000, show_default=True)
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Folder of photographs, in folders of classes."
)
@click.option("--size", default=64, show_default=True, help="Height and width that they are cut to.")
@click.option("--model", default="mlp", show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--workers", default="0,1,2", show_default=True, help="Processes that decode; 0: threads.")
def main(images: int, folder: Path | None, **given: Any) -> None:
    """Prints a table."""
    workers = [int(text) for text in given.pop("workers").split(",")]
    with tempfile.TemporaryDirectory() as temporary:
        if folder is None:
            folder = Path(temporary) / "photos"
            make_photos(folder, images)
        count = sum(1 for _ in folder.rglob("*.jpg"))
        cases = [(name, 0) for name in ("held", "files")]
        cases += [("embed", number) for number in workers] + [("embed again", workers[-1])]
        table = Table("images", "decoded by", "seconds", "images/s", "peak MB", "features", box=None)
        for name, number in cases:
            out = Path(temporary) / f"feats-{number}"
            seconds, memory, found = measured(
                Case(name=name, folder=folder, out=out, workers=number, **given)
            )
            by = f"{number} process{'es' * (number > 1)}" if number else "threads"
            row = [name, by, f"{seconds:.1f}", f"{count / seconds:,.0f}", f"{memory / 1e6:,.0f}", found[:8]]
            table.add_row(*row)
        bytes_ = count * 3 * given["size"] ** 2
        Console().print(f"{count:,} images of {given['size']} x {given['size']}: {bytes_ / 1e6:,.0f} MB")
        Console().print(table)


if __name__ == "__main__":
    main()
