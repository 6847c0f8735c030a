"""Folders of runs that were damaged, forged, copied, linked or mixed up."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
from pathlib import Path

from fuzzing.case import DAMAGED, Case, Draw, payload
from fuzzing.material import RUN, copy
from fuzzing.values import damaged, json_value

COMPARE = (
    ("compare", "runs"),
    ("compare", "runs", "--format", "json"),
    ("compare", "runs", "--format", "csv"),
    ("compare", "runs", "--html", "page.html"),
    ("compare", "runs", "--holm", "--format", "markdown"),
)
CONTINUE = (RUN, RUN, (*RUN, "--dry-run"), (*RUN, "--force"), (*RUN, "--json"))


def run_folders(draw: Draw) -> Case:
    """``compare`` and ``run`` on a folder of runs in which something is wrong."""
    copy(draw.templates, draw.work, "data.npz", "runs")
    files = sorted(path for path in (draw.work / "runs").rglob("*") if path.is_file())
    if draw.chance(0.8):  # as if it had been interrupted
        for path in files:
            if path.name == "checkpoint.pt" and draw.chance(0.7):
                path.with_name("checkpoint-previous.pt").replace(path)
    for _ in range(draw.random.choice([1, 1, 1, 2, 5])):
        with contextlib.suppress(OSError):  # an earlier damage left nothing to damage
            draw.random.choice(DAMAGES)(draw, draw.random.choice(files))
    compared = draw.chance(0.5)
    command = draw.random.choice(COMPARE if compared else CONTINUE)
    return Case(command, codes=DAMAGED, writes=("page.html",) if compared else ("runs",))


def _bytes(draw: Draw, path: Path) -> None:
    if path.is_file() and not path.is_symlink():
        path.write_bytes(damaged(draw.random, path.read_bytes()))


def _json(draw: Draw, path: Path) -> None:
    """A value of another type in a record or in the facts about the machine."""
    path = _other(draw, path, ["rounds.jsonl", "environment.json"])
    if not path.is_file():
        return
    try:
        records = (
            [json.loads(path.read_text())] if path.suffix == ".json" else [json.loads(r) for r in path.open()]
        )
        record = draw.random.choice(records)
        key = draw.random.choice(sorted(record))
        if draw.chance(0.2):
            del record[key]
        elif isinstance(record[key], dict) and record[key] and draw.chance(0.5):
            record[key][draw.random.choice(sorted(record[key]))] = json_value(draw.random)
        else:
            record[key] = json_value(draw.random)
    except (ValueError, TypeError, IndexError, AttributeError, RecursionError):
        return
    lines = [json.dumps(one) for one in records]
    if draw.chance(0.2):
        lines.append(draw.random.choice(lines))  # a round twice
    path.write_text("\n".join(lines) + "\n")


def _nested(draw: Draw, path: Path) -> None:
    path = _other(draw, path, ["rounds.jsonl", "environment.json"])
    if path.is_file():
        depth = draw.random.choice([500, 5_000, 100_000])
        path.write_text(
            draw.random.choice(["[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth]) + "\n"
        )


def _special(draw: Draw, path: Path) -> None:
    """A FIFO, a folder, a loop, a device or a link elsewhere in a file's place."""
    if not path.is_file() or path.is_symlink():
        return
    path.unlink()
    kind = draw.random.randrange(6)
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        path.mkdir()
    elif kind == 2:
        path.symlink_to(path.name)
    elif kind == 3:
        path.symlink_to("/dev/zero")
    elif kind == 4:
        path.symlink_to(draw.box.outside / "victim")
    else:
        path.symlink_to(draw.box.outside / "new")


def _trap(draw: Draw, path: Path) -> None:
    """A link where the program will write next: a temporary file, a lock, its owner, records."""
    names = [
        *[
            f"{path.name}.tmp",
            "checkpoint.pt.tmp",
            "rounds.jsonl.tmp",
            "config.toml.tmp",
            "environment.json.tmp",
        ],
        *["../.seed-1.owner", "../.seed-1.lock", "../.seed-2.owner", "../.seed-2.lock", "features.npy.tmp"],
        *["rounds.csv", "rounds.csv.tmp", ".checkpoint.pt.tmp"],
    ]
    link = path.parent / draw.random.choice(names)
    if not os.path.lexists(link) and link.parent.is_dir():
        link.symlink_to(draw.box.outside / draw.random.choice(["victim", "new", "runs/victim.jsonl"]))


def _copied(draw: Draw, path: Path) -> None:
    """A trial or a strategy under another name, or the files of one in another."""
    trial = path.parent if path.parent.name.startswith("seed-") else None
    if trial is None:
        return
    name = draw.random.choice(
        ["seed-2", "seed-3", "seed-01", "seed--1", "seed-x", "seed-1000000000000000000000", "seed-"]
    )
    target = draw.random.choice([trial.with_name(name), trial.parent.with_name("badge") / trial.name])
    if not target.exists():
        shutil.copytree(
            trial, target, symlinks=True, ignore=lambda _, names: [n for n in names if n == "fifo"]
        )


def _swapped(draw: Draw, path: Path) -> None:
    others = (
        sorted(p for p in path.parent.iterdir() if p.is_file() and p != path) if path.parent.is_dir() else []
    )
    if others and path.is_file():
        other = draw.random.choice(others)
        mine, theirs = (
            path.read_bytes()[: 1 << 20],
            other.read_bytes()[: 1 << 20] if not other.is_symlink() else b"",
        )
        path.write_bytes(theirs)
        other.unlink()
        other.write_bytes(mine)


def _forged(draw: Draw, path: Path) -> None:
    """A checkpoint with a right checksum and wrong content, or with code in it."""
    import hashlib
    import io

    import torch

    path = _other(draw, path, ["checkpoint.pt", "checkpoint-previous.pt"])
    if not path.is_file() or path.is_symlink():
        return
    _, _, content = path.read_bytes().partition(b"\n")
    if draw.chance(0.2):
        content = pickle.dumps(Payload(draw.box.marker))
    else:
        try:
            state = torch.load(io.BytesIO(content), weights_only=True)
            _spoil(draw, state)
            file = io.BytesIO()
            torch.save(state, file)
            content = file.getvalue()
        except Exception:  # another damage was first
            return
    number = draw.random.choice([b"2"] * 20 + [b"1", b"3", b"x", b"-2", b"9" * 5000])
    path.write_bytes(
        b"alframe checkpoint %s %s\n" % (number, hashlib.sha256(content).hexdigest().encode()) + content
    )


def _spoil(draw: Draw, state: dict[str, object]) -> None:
    """Changes one entry, at any depth."""
    import torch

    inner: dict[str, object] = state
    while True:
        key = draw.random.choice(sorted(inner, key=str)) if inner else "x"
        value = inner.get(key)
        if not isinstance(value, dict) or not value or draw.chance(0.3):
            break
        inner = value
    wrong = [
        torch.zeros(3),
        torch.tensor([-1, 2**40]),
        torch.tensor(float("nan")),
        torch.zeros(0),
        "x",
        b"x",
        {},
        [],
    ]
    if draw.chance(0.2):
        inner.pop(key, None)
    else:
        inner[key] = draw.random.choice([*wrong, json_value(draw.random)])


class Payload:
    """Unpickled, it makes the marker."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, (payload(self.marker),)


def _hostile_git(draw: Draw, path: Path) -> None:
    """A repository whose configuration names a program."""
    git = draw.work / ".git"
    if git.exists():
        return
    shutil.copytree(draw.templates / "repository" / ".git", git)
    touch = f"touch {draw.box.marker}"
    lines = [
        "[core]",
        "repositoryformatversion = 0",
        f'fsmonitor = "{touch}; false"',
        f'pager = "{touch}"',
        f'sshCommand = "{touch}"',
    ]
    lines += ['[filter "x"]', f'clean = "{touch}"', f'smudge = "{touch}"', "[diff]", f'external = "{touch}"']
    (git / "config").write_text("\n".join(lines) + "\n")
    (draw.work / ".gitattributes").write_text("* filter=x\n")


def _other(draw: Draw, path: Path, names: list[str]) -> Path:
    return path if path.name in names else path.parent / draw.random.choice(names)


def _name(draw: Draw, path: Path) -> None:
    """A folder with a name that no program of ours makes."""
    trial = path.parent
    setting = trial.parent.parent
    name = draw.random.choice(
        ["\x1b[31mred", "a\nb", "\udcff", "=1+1", "<b>", "é", "$x^2_3$", "&", "a,b", "\\input{x}", "_"]
    )
    target = draw.random.choice([trial.parent.with_name(name), setting.with_name(name)])
    if trial.is_dir() and trial.name.startswith("seed-") and not target.exists():
        source = trial.parent if target.parent == setting else setting
        if source.is_dir():
            source.rename(target)


def _toml(draw: Draw, path: Path) -> None:
    path = path.parent / "config.toml"
    if path.is_file() and not path.is_symlink():
        text = draw.random.choice(
            [
                "run = 1",
                "",
                "[run]\nseeds = []",
                "[data]\nname = 3",
                "[[run]]",
                "x" * 10,
                "[train]\nepochs='x'",
            ]
        )
        path.write_text(text)


DAMAGES = (
    *(_bytes, _bytes, _bytes, _json, _json, _nested, _special, _special, _trap, _trap, _copied, _swapped),
    *(_trap, _forged, _forged, _hostile_git, _hostile_git, _name, _toml),
)
