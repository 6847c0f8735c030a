from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

from alframe import DatasetInfo, PluginInfo
from alframe.installation import doctor

PROBE = {
    "torch": "2.9.0+cpu",
    "torchvision": "0.24.0",
    "threads": 4,
    "cuda": None,
    "gpus": [],
    "mps": False,
}


def states(findings):
    return {finding.name: finding.state for finding in findings}


def only(findings, name):
    (finding,) = [finding for finding in findings if finding.name == name]
    return finding


def test_an_installation_that_works():
    found = states(doctor.installation())
    assert {found[name] for name in ("python", "alframe", "torch", "pluggy", "packaging")} == {"ok"}
    assert {"timm", "huggingface", "weights"} <= set(found)
    assert not {"pytest", "test", "bench"} & set(found)


@pytest.mark.parametrize(
    ("requirement", "state", "words"),
    [
        ("pluggy>=1.5", "ok", ""),
        ("pluggy>=99", "problem", "but alframe needs >=99"),
        ("no-such-package>=1", "problem", "not installed"),
    ],
)
def test_requirements(requirement, state, words):
    finding = doctor._requirement(Requirement(requirement))
    assert finding.state == state
    assert words in finding.detail
    assert (f'pip install --upgrade "{requirement}"' == finding.advice) is (state == "problem")


def test_an_extra_that_is_lacking_is_a_note_with_its_command():
    needed = [Requirement("no-such-package>=1"), Requirement("pluggy")]
    finding = doctor._extra("fancy", needed, ["no-such-package"])
    assert (finding.state, finding.detail) == ("note", "without no-such-package")
    assert 'pip install "alframe[fancy]"' in finding.advice
    assert "pluggy 1." in doctor._extra("fancy", needed[1:], []).detail


@pytest.mark.parametrize(
    ("change", "pin", "name", "state", "words"),
    [
        ({}, "2.9.0", "torchvision", "ok", "fits that torch"),
        ({}, None, "torchvision", "ok", "fits that torch"),
        ({}, "2.8.0", "torchvision", "problem", "was built for torch 2.8.0, and this is 2.9.0+cpu"),
        (
            {"torchvision_error": "RuntimeError: operator torchvision::nms does not exist"},
            "2.9.0",
            "torchvision",
            "problem",
            "nms does not exist",
        ),
        (
            {"error": "ImportError: libtorch.so"},
            "2.9.0",
            "torch",
            "problem",
            "can't be imported: ImportError",
        ),
        ({}, "2.9.0", "cpu", "ok", "4 threads"),
        ({"gpus": ["H100"], "cuda": "13.0"}, "2.9.0", "cuda", "ok", "H100; CUDA 13.0"),
        ({"mps": True}, "2.9.0", "mps", "ok", "--device mps"),
    ],
)
def test_devices(monkeypatch, change, pin, name, state, words):
    monkeypatch.setattr(doctor, "_pin", lambda package, of: pin)
    finding = only(doctor.devices(PROBE | change), name)
    assert finding.state == state
    assert words in finding.detail
    assert bool(finding.advice) is (state == "problem")


def test_a_driver_that_torch_does_not_use_is_noted(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    finding = only(doctor.devices(PROBE), "cuda")
    assert (finding.state, "built for the processor alone" in finding.detail) == ("note", True)


@pytest.mark.parametrize(
    ("stdout", "stderr", "wanted"),
    [
        ('hello\n{"torch": "2"}\n', "", {"torch": "2"}),
        ("", "Traceback\nImportError: libtorch.so\n", {"error": "ImportError: libtorch.so"}),
        ("", "", {"error": "the process ended with code -11"}),
    ],
)
def test_torch_is_asked_in_a_process_of_its_own(monkeypatch, stdout, stderr, wanted):
    answer = SimpleNamespace(stdout=stdout, stderr=stderr, returncode=-11)
    monkeypatch.setattr(doctor.subprocess, "run", lambda *args, **kwargs: answer)
    assert doctor.probe_torch() == wanted


def test_the_probe_finds_this_torch():
    import torch

    found = doctor.probe_torch()
    assert found["torch"] == torch.__version__
    assert found["gpus"] == [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    assert "torchvision" in found


@pytest.mark.parametrize(
    ("requires", "torch", "state"),
    [
        (["torch==2.9.0", "numpy"], "2.9.0+cpu", "ok"),
        (["torch==2.9.0"], "2.9.0+cu130", "ok"),
        (["torch==2.9.1"], "2.9.0+cu130", "problem"),
        (["numpy"], "2.9.0", "ok"),  # built for no one version
        (["torch>=2.8"], "2.9.0", "ok"),
        (["???"], "2.9.0", "ok"),
        (["torch==2.9.0"], "of my own", "problem"),
    ],
)
def test_torchvision_fits_the_release_of_torch_that_it_was_built_for(monkeypatch, requires, torch, state):
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: {"torchvision": requires}[name])
    assert only(doctor.devices(PROBE | {"torch": torch}), "torchvision").state == state


def test_plugins_and_what_to_do(bare_registry, make_plugin, tmp_path, monkeypatch):
    def info(**fields):
        return lambda: PluginInfo(summary="x", **fields)

    offer = {"alframe_datasets": lambda: {"moons": DatasetInfo("", print)}}
    bare_registry.register(make_plugin(alframe_info=info()), "good", "a", "1")
    bare_registry.register(make_plugin(alframe_scroe=lambda: None), "typo", "b", "1")
    bare_registry.register(make_plugin(alframe_info=info(api=99)), "newer", "c", "1")
    bare_registry.register(make_plugin(alframe_info=info()), "good", "d", "1")
    bare_registry.register(make_plugin(alframe_datasets=lambda: 1 / 0), "failing", "e", "1")
    bare_registry.register(make_plugin(**offer), "one", "f", "1")
    bare_registry.register(make_plugin(**offer), "two", "g", "1")
    path = tmp_path / "mine.py"
    path.write_text("1 / 0\n")
    bare_registry.register_file(path)
    found = doctor.plugins(bare_registry)
    advice = {f.name: f.advice for f in found if f.state == "problem"}
    assert advice["typo"].startswith(
        "upgrade or uninstall b, or tell its authors; ALFRAME_DISABLE_PLUGINS=b/typo"
    )
    assert advice["newer"] == "pip install --upgrade alframe"
    assert advice["good"].startswith("ask for a/good")
    assert advice["data set moons"].startswith("ask for f/moons")
    assert "ALFRAME_DISABLE_PLUGINS=e/failing" in advice["failing"]
    assert advice["mine"] == "mend the file, or leave it out of ALFRAME_PLUGINS"
    assert set(advice) == {"typo", "newer", "good", "data set moons", "failing", "mine"}


def test_a_plugin_that_is_switched_off_is_no_problem(monkeypatch):
    from alframe.registry.registry import Registry

    monkeypatch.setenv("ALFRAME_DISABLE_PLUGINS", "margin")
    assert only(doctor.plugins(Registry()), "margin").state == "note"


def test_data_sets_in_the_folder(bare_registry, make_plugin, tmp_path):
    offers = {
        "whole": DatasetInfo("x", print, files=("a", "b")),
        "partial": DatasetInfo("x", print, files=("b", "c")),
        "missing": DatasetInfo("x", print, files=("c",)),
        "made": DatasetInfo("x", print),
    }
    bare_registry.register(make_plugin(alframe_datasets=lambda: offers), "toys")
    (nothing,) = doctor.data_sets(bare_registry, tmp_path)
    assert (nothing.state, nothing.detail) == ("note", "no data set that is known is in it")
    (nowhere,) = doctor.data_sets(bare_registry, tmp_path / "none")
    assert (nowhere.state, nowhere.detail) == ("note", "there is no such folder")
    for name in "ab":
        (tmp_path / name).write_bytes(bytes(1000))
    found = doctor.data_sets(bare_registry, tmp_path)
    assert states(found) == {"whole": "ok", "partial": "note"}
    assert "2.0 kB" in only(found, "whole").detail
    assert "--dataset partial --download" in only(found, "partial").advice


def test_the_folder_of_runs(tmp_path, monkeypatch):
    assert doctor.out_folder(tmp_path / "a" / "b").state == "ok"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    finding = doctor.out_folder(tmp_path / "file" / "runs")
    assert (finding.state, finding.advice) == ("problem", "choose another folder with --out")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda place: SimpleNamespace(free=10**8))
    assert doctor.out_folder(tmp_path).detail == "100.0 MB free"
