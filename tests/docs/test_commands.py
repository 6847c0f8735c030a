"""Every ``alframe ...`` that README and docs/ show is one that works."""

import json
import re
import shlex
from pathlib import Path

import click
import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from alframe.registry.registry import installed
from alframe_cli.main import cli

ROOT = Path(__file__).parents[2]
FENCED = re.compile(r"^( *)```(\S*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
EXECUTED = (
    "compare",
    "query",
    "show",
    "list-strategies",
    "list-datasets",
    "list-models",
    "list-presets",
    "--version",
    "--help",
)
DRY = {"--dry-run", "--print-config"}
SCORER = (
    "from alframe import hookimpl\n\n@hookimpl\ndef alframe_score(pool):\n    return pool.logits.sum(1)\n"
)
FILES = {"gini.py": SCORER, "my_strategy.py": SCORER, "sweep.toml": "[run]\nquery_size = [10, 100]\n"}


def commands(text):
    """The arguments of each command in a page, from its fenced shell blocks and its indented lines."""
    shell = "\n".join(
        body for _, language, body in FENCED.findall(text) if language in ("sh", "bash", "console", "")
    )
    indented = re.findall(r"^    .*$", FENCED.sub("", text), re.MULTILINE)
    lines = re.sub(r"\\\n", " ", "\n".join([shell, *indented])).splitlines()
    for line in lines:
        for part in re.split(r"&&|\|", line):
            if match := re.match(r"\s*(?:[A-Z_]+=\S+ +)*alframe (.*)", part):
                yield shlex.split(re.sub(r">.*", "", match[1]), comments=True)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with runs of three strategies that kept features, and the files that pages speak of."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    rng = np.random.default_rng(0)
    pool = {"features": rng.random((200, 4)), "labelled_features": rng.random((6, 4))}
    pool |= {"weight": rng.random((3, 4)), "bias": np.zeros(3), "labelled_targets": np.arange(6) % 3}
    np.savez("pool.npz", **pool)
    for name, key in {"features": "features", "XL": "labelled_features", "yL": "labelled_targets"}.items():
        np.save(f"{name}.npy", pool[key])
    for name, key in {"W": "weight", "b": "bias"}.items():
        np.save(f"{name}.npy", pool[key])
    Path("feats").mkdir()
    for number, part in enumerate(np.split(pool["features"].astype(np.float16), [50, 150])):
        np.save(f"feats/part-{number:05}.npy", part)
    Path("photo-feats").mkdir()
    np.save("photo-feats/part-00000.npy", pool["features"].astype(np.float16)[:3])
    np.save("photo-feats/targets.npy", np.arange(3))
    Path("photo-feats/parts.json").write_text('{"parts": [{"file": "part-00000.npy", "rows": 3}]}')
    Path("photo-feats/ids.txt").write_text("cat/000.jpg\ndog/001.jpg\ncat/003.jpg\n")
    Path("rows.txt").write_text("cat/000.jpg\ndog/001.jpg\n")
    for k, strategy in enumerate(("alfamix", "margin", "random")):
        for seed in (1, 2, 3):
            path = tmp_path / "runs" / "digits" / "setting" / strategy / f"seed-{seed}" / "rounds.jsonl"
            path.parent.mkdir(parents=True)
            records = [
                {
                    "round": r,
                    "labelled": 10 * r,
                    "accuracy": 0.5 + 0.1 * r - 0.01 * k * seed,
                    "queried": [2 * r, 2 * r + 1],
                }
                for r in (1, 2)
            ]
            path.write_text("".join(json.dumps(record) + "\n" for record in records))
            np.save(path.with_name("features.npy"), rng.normal(size=(12, 3)))
    (tmp_path / "several").symlink_to("runs")  # what `--out several` would make
    Path("alframe-demo").mkdir()  # what `demo` makes
    Path("alframe-demo/runs").symlink_to("../runs")
    Path("alframe-demo/pool.npz").symlink_to("../pool.npz")
    np.save("probs.npy", rng.dirichlet(np.ones(3), size=200))
    Path("alframe-demo/probs.npy").symlink_to("../probs.npy")
    model = LogisticRegression().fit(pool["labelled_features"], pool["labelled_targets"])
    joblib.dump(model, "model.joblib")
    yield tmp_path
    installed.cache_clear()


def check(arguments, run):
    command = arguments[0]
    if command == "run":
        run(*arguments, *([] if DRY & set(arguments) else ["--dry-run"]))
    elif command in EXECUTED:
        run(*arguments)
    else:
        above = click.Context(
            cli, info_name="alframe", **cli.context_settings
        )  # a command remembers its help
        found = cli.get_command(above, command)
        assert found is not None, f"there is no command {command}"
        found.make_context(command, arguments[1:], parent=above)


def test_of_every_page(page, folder, install_page, alframe_command):
    for name, code in install_page(page).items():
        (folder / f"{name}.py").write_text(code)
    for arguments in commands(page.read_text()):
        check(arguments, alframe_command)


def test_of_the_readme(folder, install, alframe_command):
    install({"alframe_strategy_mine": SCORER}, "mine = alframe_strategy_mine\n")
    shown = list(commands((ROOT / "README.md").read_text()))
    assert ["run", "--strategy", "alfamix"] in shown
    for arguments in shown:
        check(arguments, alframe_command)


def test_commands_are_found_wherever_they_stand():
    text = (
        "alframe is\n\n    A=1 alframe a > b  # c\n\n- x\n\n  ```sh\n  pip b && alframe d \\\n  -e\n  ```\n"
    )
    assert list(commands(text)) == [["d", "-e"], ["a"]]


@pytest.mark.parametrize("arguments", [["run", "--strategy", "nobody"], ["nothing"], ["run", "--no-flag"]])
def test_what_does_not_work_is_noticed(arguments, folder, alframe_command):
    with pytest.raises(AssertionError, match="nobody|no command|no-flag"):
        check(arguments, alframe_command)
