import json
import os
import subprocess
import sys

import pytest

from alframe.installation import doctor
from alframe.registry.registry import installed


@pytest.fixture(autouse=True)
def _quick_probe(monkeypatch):
    probe = {"torch": "2", "torchvision": "0", "threads": 1, "cuda": None, "gpus": [], "mps": False}
    monkeypatch.setattr(doctor, "probe_torch", lambda: probe)
    monkeypatch.setattr(doctor, "_pin", lambda package, of: None)


def test_nothing_is_wrong(alframe, tmp_path):
    outcome = alframe("doctor")
    assert outcome.code == 0
    for text in ("installation", "alfamix", "there is no such folder", "GB free", "nothing is wrong"):
        assert text in outcome.out
    assert list(tmp_path.iterdir()) == []


def test_a_problem_comes_with_what_to_do_and_ends_with_1(alframe, make_plugin):
    installed().register(make_plugin(alframe_scroe=lambda: None), "typo", "their-package", "0.3")
    outcome = alframe("doctor")
    assert outcome.code == 1
    assert "problem: typo: their-package 0.3: " in outcome.out
    assert "unknown hook 'alframe_scroe'" in outcome.out
    assert "upgrade or uninstall their-package" in outcome.out
    assert outcome.out.endswith("1 problem\n")
    found = json.loads(alframe("doctor", "--json").out)
    assert found["problems"] == 1
    assert [f["name"] for f in found["findings"] if f["state"] == "problem"] == ["typo"]


def test_data_sets_in_the_folder(alframe, tmp_path):
    raw = tmp_path / "mine" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{part}-ubyte").write_bytes(bytes(1000))
    assert "4.0 kB" in alframe("doctor", "--data-dir", "mine").out
    (raw / "t10k-labels-idx1-ubyte").unlink()
    outcome = alframe("doctor", "--data-dir", "mine")
    assert outcome.code == 0
    assert "`alframe run --dataset mnist --download`" in outcome.out


def test_it_survives_a_torch_that_is_broken(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('libtorch_cuda.so: undefined symbol')\n")
    outcome = subprocess.run(
        [sys.executable, "-m", "alframe_cli", "doctor"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert outcome.returncode == 1
    assert "problem: torch: can't be imported: ImportError: libtorch_cuda.so" in outcome.stdout
    assert "pip install --force-reinstall torch torchvision" in outcome.stdout
    assert outcome.stderr == ""
