import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def photos(tmp_path):
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        folder = tmp_path / "photos" / label
        folder.mkdir(parents=True)
        for number in range(30):
            pixels = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number:02}.jpg")


COMMAND = ["embed", "imagefolder:photos", "--model", "mlp", "--out", "feats", "--device", "cpu"]


def test_features_are_written_and_queried(alframe, tmp_path):
    outcome = alframe(*COMMAND, "--part-rows", "25", "--labels", "-o", "data.size=8")
    assert (outcome.code, outcome.out) == (0, "feats\n")
    assert outcome.err == "60 rows of 256 numbers in float16, 3 parts: 3 made now\n"
    again = alframe(*COMMAND, "--part-rows", "25", "-o", "data.size=8")
    assert again.err == "60 rows of 256 numbers in float16, 3 parts: all there already\n"
    (tmp_path / "rows.txt").write_text("cat/03.jpg\ndog/29.jpg\n")
    query = ["query", "--strategy", "coreset", "-n", "4", "feats", "--labelled-rows", "rows.txt"]
    lines = alframe(*query, "--labelled-targets", "feats/targets.npy").out.splitlines()
    assert len(lines) == 4
    for line in lines:
        row, name = line.split("\t")
        assert name == f"{'cat' if int(row) < 30 else 'dog'}/{int(row) % 30:02}.jpg"
        assert int(row) not in (3, 59)


def test_without_a_terminal_a_line_now_and_then(alframe, monkeypatch):
    from alframe_cli import embed

    monkeypatch.setattr(embed, "PATIENCE", 0)
    lines = alframe(*COMMAND, "--batch-size", "40").err.splitlines()
    assert lines[-3:-1] == ["features: 40 of 60", "features: 60 of 60"]
    assert lines[0] == "looking at the images: 60 of 60"
    assert len(alframe(*COMMAND, "-q", "--force").err) == 0


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (["--model", "mpl"], 2, "unknown model 'mpl'. Did you mean 'mlp'"),
        (["--weights", "w.pt"], 2, "unknown option of 'model' 'weights'"),
        (["--split", "test"], 2, "has no test part of its own: --split train is all of its samples"),
        (["--split", "val"], 2, "unknown split 'val'"),
        (["-o", "data.sise=3"], 2, "unknown option of 'data' 'sise'"),
        (["-o", "badge.x=3"], 2, "unknown section 'badge'"),
        (["--out", "photos"], 2, "--out photos is a folder of something else"),
        (["--out", "photos/cat/00.jpg"], 2, "is a file; a folder of features is wanted"),
        (["--out", "photos/cat/00.jpg/x"], 2, "folder photos/cat/00.jpg/x can't be written to: Not a dir"),
        (["--device", "tpu7"], 2, "device 'tpu7' can't be used"),
        (["--part-rows", "0"], 2, "part-rows"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(alframe, tmp_path, change, code, message):
    outcome = alframe(*COMMAND, *change)
    assert outcome.code == code
    assert message in outcome.err
    assert outcome.out == ""
    assert not (tmp_path / "feats" / "parts.json").exists()


def test_a_data_set_without_images(alframe, tmp_path):
    np.savez(tmp_path / "x.npz", x_train=np.ones((6, 3), np.float32), y_train=np.arange(6) % 2)
    outcome = alframe("embed", "npz:x.npz", "--model", "resnet18", "--out", "feats", "--device", "cpu")
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert "images" in outcome.err
    assert not (tmp_path / "feats").exists()


def test_other_features_need_force(alframe):
    assert alframe(*COMMAND).code == 0
    outcome = alframe(*COMMAND, "--dtype", "float32", "--seed", "3")
    assert outcome.code == 2
    assert "feats holds other features (dtype float16 instead of float32; other weights)" in outcome.err
    assert alframe(*COMMAND, "--dtype", "float32", "--seed", "3", "--force", "-q").err == ""


@pytest.mark.filterwarnings("ignore::alframe.AlframeWarning")  # which are notes
def test_a_damaged_picture_in_the_middle(alframe, tmp_path):
    (tmp_path / "photos" / "dog" / "07.jpg").write_bytes(b"no image")
    outcome = alframe(*COMMAND)
    assert outcome.code == 1
    assert "1 of 60 images can't be decoded: dog/07.jpg. Remove them, or leave them out" in outcome.err
    outcome = alframe(*COMMAND, "-o", "data.bad_images=skip")
    assert outcome.code == 0
    assert "59 rows of" in outcome.err


def started(tmp_path, *more):
    command = [sys.executable, "-m", "alframe_cli", *COMMAND, "--part-rows", "3", "--batch-size", "1", *more]
    return subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)


def parts(folder):
    try:
        return len(json.loads((folder / "parts.json").read_text())["parts"])
    except FileNotFoundError:
        return 0


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
def test_killed_twice_it_goes_on_to_the_same_end(alframe, tmp_path, workers):
    for least in (2, 9):
        process = started(tmp_path, "--workers", workers)
        for _ in range(60_000):
            if parts(tmp_path / "feats") >= least or process.poll() is not None:
                break
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    there = parts(tmp_path / "feats")
    assert there >= 9
    _, err = started(tmp_path, "--workers", workers).communicate()
    made = int(re.search(r"20 parts: (\d+|all)", err)[1].replace("all", "0"))
    assert made <= 20 - 9
    outcome = alframe(*COMMAND[:5], "whole", *COMMAND[6:], "--part-rows", "3", "--batch-size", "1")
    assert outcome.code == 0
    for number in range(20):
        name = f"part-{number:05}.npy"
        assert (tmp_path / "feats" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not list((tmp_path / "feats").glob("*.tmp"))


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.0, 0.3, 1.0])
def test_ctrl_c_is_one_line(tmp_path, after):
    command = [sys.executable, "-m", "alframe_cli", *COMMAND, "--part-rows", "1", "--batch-size", "1"]
    command += ["--workers", "2"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not (tmp_path / "feats").exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(after)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate()
    if process.returncode:  # it was not done yet
        assert process.returncode in (130, -signal.SIGINT)
        assert "Traceback" not in err
