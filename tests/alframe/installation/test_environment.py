import json
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


def test_the_commit_of_the_folder_that_the_program_was_started_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert environment._git_commit() is None
    environment._git_commit.cache_clear()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("0123456789" * 4)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert environment._git_commit().startswith("0123456789" * 4)


def test_a_folder_that_is_gone_has_no_commit(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
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
