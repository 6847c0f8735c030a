import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from click.shell_completion import ShellComplete

from alframe import FormatInfo, PluginInfo, SourceInfo
from alframe.registry.registry import installed
from alframe_cli.main import cli


def complete(*words):
    """What a shell would be told for the line ``alframe WORDS``, whose last word is not complete."""
    shell = ShellComplete(cli, {"obj": {}}, "alframe", "_ALFRAME_COMPLETE")
    return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]


def test_commands():
    assert complete("") == [
        "demo",
        "run",
        "compare",
        "query",
        "embed",
        "label",
        "work",
        "status",
        "cancel",
        "list-strategies",
        "list-datasets",
        "list-models",
        "list-presets",
        "show",
        "new-plugin",
        "check",
        "doctor",
        "completion",
    ]
    assert complete("list-") == ["list-strategies", "list-datasets", "list-models", "list-presets"]
    assert complete("--ver") == ["--version"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["run", "--strategy", "co"], ["coregcn", "coreset"]),
        (["run", "--strategy", "al"], ["alfamix", "all"]),
        (
            ["run", "--strategy", "alfamix,ba"],
            [
                "alfamix,badge",
                "alfamix,bait",
                "alfamix,balanced",
                "alfamix,bald",
                "alfamix,base",
                "alfamix,batchbald",
            ],
        ),
        (
            ["run", "--strategy", "badge,ba"],
            ["badge,bait", "badge,balanced", "badge,bald", "badge,base", "badge,batchbald"],
        ),
        (["run", "--dataset", "dig"], ["digits"]),
        (["run", "--dataset", "npz"], ["npz:"]),
        (["run", "--model", "resnet18"], ["resnet18", "resnet18-cifar"]),
        (["run", "--preset", "mnist-m"], ["mnist-mlp"]),
        (["run", "--train", "mi"], ["mixup"]),
        (["run", "--select", "alf"], ["alfamix"]),
        (["run", "--log", "csv,ten"], ["csv,tensorboard"]),
        (["run", "-o", "train.opt"], ["train.optimizer="]),
        (["run", "-o", "alfamix.cap"], ["alfamix.cap="]),
        (["run", "-o", "data.te"], ["data.test_fraction="]),
        (["run", "-o", "model.hid"], ["model.hidden="]),
        (["run", "--model", "resnet18", "-o", "model.ima"], ["model.image_size="]),
        (["run", "--rou"], ["--rounds"]),
        (["compare", "runs", "--reference", "rando"], ["random", "randomweighted"]),
        (["compare", "runs", "--strategies", "al"], ["alfamix"]),
        (["show", "dig"], ["digits"]),
        (["show", "trai"], ["train"]),
        (["check", "alfa"], ["alfamix"]),
        (["check", "coregcn", "-o", "coregcn.ste"], ["coregcn.steps="]),
        (["new-plugin", "x", "--kind", "st"], ["strategy"]),
        (["completion", "z"], ["zsh"]),
        (["rnu", "x", "zz"], []),
    ],
    ids=" ".join,
)
def test_names(words, wanted):
    assert complete(*words) == wanted


def test_the_network_that_suits_features_has_its_options(tmp_path):
    np.savez(tmp_path / "some.npz", x_train=np.zeros((4, 3)))
    on_features = ["run", "--dataset", f"npz:{tmp_path}/some.npz", "-o", "model.hid"]
    assert complete(*on_features) == []
    assert complete(*on_features[:-1], "model.drop") == ["model.dropout="]


def test_a_plugin_that_is_a_file_takes_part(tmp_path):
    path = tmp_path / "zebra.py"
    path.write_text("from alframe import hookimpl\n@hookimpl\ndef alframe_score(pool): ...\n")
    assert complete("run", "--plugin", str(path), "--strategy", "ze") == ["zebra"]


def test_what_labelling_takes(make_plugin):
    info = FormatInfo("", None, print, ".x")
    hooks = {"alframe_label_formats": lambda: {"xml": info}, "alframe_labelled": lambda event: None}
    hooks["alframe_labelled_sources"] = lambda: {"tapes": SourceInfo("", print)}
    installed().register(make_plugin(**hooks), "scribe")
    assert complete("label", "open", "photos", "--kind", "") == ["images", "tapes", "texts"]
    assert complete("label", "open", "photos", "--notify", "") == ["scribe"]
    assert complete("label", "export", "s", "--to", "")[-1] == "xml"
    assert complete("label", "import", "s", "x", "--from", "") == [
        *("coco", "csv", "imagefolder", "jsonl", "label-studio")
    ]


def test_what_fails_completes_what_it_can(tmp_path, make_plugin, capsys):
    assert complete("run", "--plugin", str(tmp_path / "missing.py"), "--strategy", "alf") == ["alfamix"]
    installed().register(make_plugin(alframe_datasets=lambda: print("hello") or 1 / 0), "failing")
    installed().register(make_plugin(alframe_info=lambda: PluginInfo("x")), "margin", "other")
    assert complete("run", "--dataset", "dig") == ["digits"]
    assert complete("run", "--strategy", "other/m") == ["other/margin"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script(alframe, shell):
    outcome = alframe("completion", shell)
    assert outcome.code == 0
    assert "_ALFRAME_COMPLETE" in outcome.out
    assert alframe("completion", "cmd").code == 2


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("line", "replies", "space"),
    [
        ("alframe run --strategy alfam", "alfamix", True),
        (
            "alframe run --strategy margin,ba",
            "margin,badge margin,bait margin,balanced margin,bald margin,base margin,batchbald",
            True,
        ),
        ("alframe run -o train.opt", "train.optimizer=", False),
        ("alframe run --dataset np", "npz:", False),
    ],
)
def test_in_bash(tmp_path, line, replies, space):
    """The script evaluated, and its function called as bash does; no space is added before a value."""
    (tmp_path / "alframe").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m alframe_cli "$@"\n')
    (tmp_path / "alframe").chmod(0o755)
    script = f"""
    eval "$(alframe completion bash)"
    compopt() {{ echo "$@"; }}
    COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
    _alframe_completion alframe
    echo "${{COMPREPLY[*]}}"
    """
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    outcome = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True)
    assert outcome.stderr == ""
    assert outcome.stdout.splitlines() == [*([] if space else ["-o nospace"]), replies]


def test_completing_imports_no_torch():
    probe = """
import sys
from alframe_cli.main import main
try:
    main([])
except SystemExit:
    pass
assert "torch" not in sys.modules
"""
    line = {
        "_ALFRAME_COMPLETE": "bash_complete",
        "COMP_WORDS": "alframe run --strategy alf",
        "COMP_CWORD": "3",
    }
    outcome = subprocess.run(
        [sys.executable, "-c", probe], env=os.environ | line, capture_output=True, text=True, check=True
    )
    assert outcome.stdout == "plain,alfamix\n"
