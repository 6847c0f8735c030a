import json
import shutil
import subprocess
import sys

import pytest
import torch

from alframe.installation import environment


def test_names_versions_and_device(registry):
    plugin = registry.plugin("alfamix")
    facts = environment.describe(torch.device("cpu"), [plugin])
    assert facts["packages"]["torch"] == torch.__version__
    assert facts["plugins"]["alframe/alfamix"]["version"] == plugin.version
    assert facts["device"] == "cpu"
    json.dumps(facts)


@pytest.fixture(autouse=True)
def _forget():
    yield
    environment._git_commit.cache_clear()


def test_the_code_of_a_plugin_is_in_the_record(tmp_path, monkeypatch):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    inner = tmp_path / "pack" / "_inner.py"
    inner.write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    import pack

    hashes = []
    for text in ("x = 1\n", "x = 2\n", "x = 1\n"):
        inner.write_text(text)
        environment._code.cache_clear()
        hashes.append(environment._code(pack))
    assert hashes[0] == hashes[2] != hashes[1]
    assert environment._code(sys.modules[__name__]) != hashes[0]
    assert environment._code(object()) is None


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_the_commit_of_the_users_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert environment._git_commit() is None
    environment._git_commit.cache_clear()
    run = ["git", "-c", "user.name=n", "-c", "user.email=e@x"]
    (tmp_path / "a").write_text("1")
    for arguments in (["init", "-q"], ["add", "a"], ["commit", "-qm", "m"]):
        subprocess.run([*run, *arguments], check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert environment._git_commit() == commit.stdout.strip()
    environment._git_commit.cache_clear()
    (tmp_path / "a").write_text("2")
    assert environment._git_commit() == f"{commit.stdout.strip()} and changes"


def test_without_git_there_is_none(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert environment._git_commit() is None


def test_code_that_has_changed_is_found(bare_registry, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from alframe import hookimpl\n@hookimpl\ndef alframe_score(pool): ...\n")
    plugin = bare_registry.register_file(path)
    recorded = environment.describe(torch.device("cpu"), [plugin])
    assert recorded["plugins"]["local/mine"]["file"] == str(path)
    assert environment.changed_code(recorded, [plugin, plugin]) == []
    recorded["plugins"]["local/mine"]["code"] = "another"
    assert environment.changed_code(recorded, [plugin, plugin]) == [plugin]
    assert environment.changed_code({}, [plugin]) == []
