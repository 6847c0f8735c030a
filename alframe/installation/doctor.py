"""What of the installation works, and what to do about the rest. Nothing here imports torch itself."""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version
from rich.filesize import decimal

from alframe.contract.info import API_VERSION
from alframe.installation.data_files import on_disk
from alframe.installation.versions import installed_version
from alframe.registry.files import VARIABLE
from alframe.registry.offers import DATASETS, KINDS
from alframe.registry.plugin import Plugin, State
from alframe.registry.registry import DISABLE_VARIABLE, OWN_DISTRIBUTION, Registry

LITTLE_SPACE = 10**9  # bytes; checkpoints of a few trials of a large network take more
PROBE_SECONDS = 120  # importing torch from a network's disk may take a while
DEVELOPERS_EXTRAS = {"test", "bench"}
PROBE = """
import json, torch
found = {"torch": torch.__version__, "threads": torch.get_num_threads(), "cuda": torch.version.cuda}
found["gpus"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
found["mps"] = torch.backends.mps.is_available()
try:
    import torchvision
    torch.ops.torchvision.nms
    found["torchvision"] = torchvision.__version__
except Exception as error:
    found["torchvision_error"] = f"{type(error).__name__}: {error}"
print(json.dumps(found))
"""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        area: what it belongs to, as "plugins".
        name: what it is.
        state: ``"ok"``; ``"note"``, worth knowing; ``"problem"``, to be mended.
        detail: what was found.
        advice: what to do about it.
    """

    area: str
    name: str
    state: Literal["ok", "note", "problem"]
    detail: str
    advice: str = ""


def installation() -> list[Finding]:
    """Python, alframe, what it requires, and its extras."""
    version = metadata.version(OWN_DISTRIBUTION)
    own = f"{version}, plugin API {API_VERSION}, in {Path(__file__).parents[1]}"
    rows = [
        Finding("installation", "python", "ok", f"{platform.python_version()}, {sys.executable}"),
        Finding("installation", "alframe", "ok", own),
    ]
    requirements = [Requirement(text) for text in metadata.requires(OWN_DISTRIBUTION) or ()]
    for requirement in requirements:
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            rows.append(_requirement(requirement))
    for extra in metadata.metadata(OWN_DISTRIBUTION).get_all("Provides-Extra") or ():
        needed = [r for r in requirements if r.marker and r.marker.evaluate({"extra": extra})]
        needed = [r for r in needed if r.marker and not r.marker.evaluate({"extra": ""})]
        if extra not in DEVELOPERS_EXTRAS and needed:
            lacking = [r.name for r in needed if installed_version(r.name) is None]
            rows.append(_extra(extra, needed, lacking))
    return rows


def _requirement(requirement: Requirement) -> Finding:
    version = installed_version(requirement.name)
    advice = f'pip install --upgrade "{requirement.name}{requirement.specifier}"'
    if version is None:
        return Finding("installation", requirement.name, "problem", "not installed", advice)
    if not requirement.specifier.contains(version, prereleases=True):
        detail = f"{version}, but alframe needs {requirement.specifier}"
        return Finding("installation", requirement.name, "problem", detail, advice)
    return Finding("installation", requirement.name, "ok", version)


def _extra(name: str, needed: list[Requirement], lacking: list[str]) -> Finding:
    if lacking:
        advice = f'pip install "alframe[{name}]" where you want it'
        return Finding("extras", name, "note", f"without {', '.join(lacking)}", advice)
    versions = ", ".join(f"{r.name} {installed_version(r.name)}" for r in needed)
    return Finding("extras", name, "ok", versions)


def devices(probe: dict[str, Any] | None = None) -> list[Finding]:
    """Whether torch and torchvision work and fit each other, and the devices that torch sees.

    Args:
        probe: what `probe_torch` found; asked for where it is not given.
    """
    found = probe_torch() if probe is None else probe
    again = "pip install --force-reinstall torch torchvision, both from the same place"
    if "error" in found:
        return [Finding("devices", "torch", "problem", f"can't be imported: {found['error']}", again)]
    rows = [Finding("devices", "torch", "ok", f"{found['torch']} can be imported")]
    pinned = _pin("torchvision", "torch")
    if "torchvision_error" in found:
        detail = f"can't be used beside torch {found['torch']}: {found['torchvision_error']}"
        rows.append(Finding("devices", "torchvision", "problem", detail, again))
    elif pinned and not _same_release(pinned, found["torch"]):
        detail = f"{found['torchvision']} was built for torch {pinned}, and this is {found['torch']}"
        rows.append(Finding("devices", "torchvision", "problem", detail, again))
    else:
        rows.append(Finding("devices", "torchvision", "ok", f"{found['torchvision']} fits that torch"))
    threads = f"{found['threads']} threads of {os.cpu_count()} processors"
    rows.append(Finding("devices", "cpu", "ok", threads))
    if found["gpus"]:
        detail = f"{', '.join(found['gpus'])}; CUDA {found['cuda']}"
        rows.append(Finding("devices", "cuda", "ok", detail))
    elif shutil.which("nvidia-smi"):
        why = f"is built for CUDA {found['cuda']}" if found["cuda"] else "is built for the processor alone"
        detail = f"there is an NVIDIA driver, but torch, which {why}, sees no GPU"
        rows.append(Finding("devices", "cuda", "note", detail, "install a torch that fits the driver"))
    else:
        rows.append(Finding("devices", "cuda", "ok", "no GPU; runs use the processor"))
    if found["mps"]:
        rows.append(Finding("devices", "mps", "ok", "there; --device mps uses it"))
    return rows


def probe_torch() -> dict[str, Any]:
    """What torch says of itself, asked in a process of its own, which it may take along when it breaks."""
    try:
        answer = subprocess.run(
            [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"error": str(error)}
    try:
        found: dict[str, Any] = json.loads(answer.stdout.strip().splitlines()[-1])
        return found
    except (IndexError, ValueError):
        lines = answer.stderr.strip().splitlines()
        return {"error": lines[-1] if lines else f"the process ended with code {answer.returncode}"}


def plugins(registry: Registry) -> list[Finding]:
    """Each plugin's state, what its import did, and names that several plugins have."""
    rows = [_plugin(plugin) for plugin in registry.plugins]
    for failure in registry.offers.failures():
        detail = f"{failure.plugin.provider}: {failure}"
        rows.append(Finding("plugins", failure.plugin.name, "problem", detail, _mend(failure.plugin)))
    active = [plugin for plugin in registry.plugins if plugin.state != State.DISABLED]
    names = collections.Counter(plugin.name for plugin in active)
    shared = [(name, [p for p in active if p.name == name]) for name, count in names.items() if count > 1]
    for kind in KINDS:
        offers = registry.offers.of(kind)
        counts = collections.Counter(offer.name for offer in offers)
        shared += [
            (f"{kind.name} {name}", [o.plugin for o in offers if o.name == name])
            for name, count in counts.items()
            if count > 1
        ]
    for name, owners in shared:
        detail = f"{len(owners)} plugins have this name: {', '.join(o.provider for o in owners)}"
        short = name.rpartition(" ")[2]
        advice = f"ask for {owners[0].distribution}/{short}, or leave one out with {DISABLE_VARIABLE}"
        rows.append(Finding("plugins", name, "problem", detail, advice))
    return rows


def _plugin(plugin: Plugin) -> Finding:
    detail = f"{plugin.provider}, imported in {plugin.seconds:.2f} s"
    if plugin.state == State.DISABLED:
        return Finding("plugins", plugin.name, "note", f"{plugin.provider}, {plugin.problem}")
    if plugin.problem:
        upgrade = plugin.state == State.NEWER
        advice = "pip install --upgrade alframe" if upgrade else _mend(plugin)
        return Finding("plugins", plugin.name, "problem", f"{plugin.provider}: {plugin.problem}", advice)
    if plugin.remarks:
        advice = "it works all the same; its authors may want to know"
        return Finding("plugins", plugin.name, "note", f"{detail}; {'; '.join(plugin.remarks)}", advice)
    return Finding("plugins", plugin.name, "ok", detail)


def _mend(plugin: Plugin) -> str:
    if plugin.path:
        return f"mend the file, or leave it out of {VARIABLE}"
    return (
        f"upgrade or uninstall {plugin.distribution}, or tell its authors; "
        f"{DISABLE_VARIABLE}={plugin.key} leaves it out until then"
    )


def data_sets(registry: Registry, folder: Path) -> list[Finding]:
    """The data sets whose files are in the folder of data sets, all or some."""
    if not folder.is_dir():
        advice = "--data-dir or ALFRAME_DATA_DIR names another; `alframe run --download` makes it"
        return [Finding("data", str(folder), "note", "there is no such folder", advice)]
    rows = []
    for offer in registry.offers.of(DATASETS):
        state, size = on_disk(offer.value.files, folder)
        if state == "present":
            rows.append(Finding("data", offer.name, "ok", f"in {folder}, {decimal(size)}"))
        elif size:
            advice = (
                f"`alframe run --dataset {offer.name} --download` fetches the rest, where that is offered"
            )
            rows.append(Finding("data", offer.name, "note", f"part of it in {folder}", advice))
    if not rows:
        rows.append(Finding("data", str(folder), "note", "no data set that is known is in it"))
    return rows


def out_folder(folder: Path) -> Finding:
    """Whether runs can be written, and how much space is left for them; nothing is made.

    Args:
        folder: where the runs go; it need not be there yet.
    """
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    advice = "choose another folder with --out"
    try:
        with tempfile.TemporaryFile(dir=place):
            free = shutil.disk_usage(place).free
    except OSError as error:
        return Finding("runs", str(folder), "problem", f"can't be written to: {error.strerror}", advice)
    if free < LITTLE_SPACE:
        return Finding("runs", str(folder), "problem", f"{decimal(free)} free", f"make room, or {advice}")
    return Finding("runs", str(folder), "ok", f"can be written to, {decimal(free)} free")


def _pin(package: str, of: str) -> str | None:
    """The one version of another package that a package was built for, by its own metadata."""
    try:
        requirements = [Requirement(text) for text in metadata.requires(package) or ()]
    except (metadata.PackageNotFoundError, InvalidRequirement):
        return None
    pins = [s.version for r in requirements if r.name == of for s in r.specifier if s.operator == "=="]
    return pins[0] if pins else None


def _same_release(one: str, other: str) -> bool:
    """Whether two versions differ at most in what comes after the plus, as ``+cpu``."""
    try:
        return Version(one).public == Version(other).public
    except InvalidVersion:
        return one == other
