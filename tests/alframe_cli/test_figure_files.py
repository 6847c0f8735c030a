import json
import sys

import pytest

NAMES = ("learning-curves", "penalty-matrix", "query-seconds")
MAGIC = {"pdf": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG"}


def written(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*") if path.is_file()
    }


def test_every_figure_in_every_format(alframe, runs, tmp_path):
    outcome = alframe("compare", "runs", "--strategies", "random,a_b", "--figures", "new/figures")
    files = written(tmp_path / "new" / "figures")
    stems = [f"digits/{setting}/{name}" for setting in ("s1", "s2") for name in NAMES]
    stems += ["penalty-matrix", "critical-difference"]
    assert set(files) == {f"{stem}.{ending}" for stem in stems for ending in MAGIC}
    assert all(content.startswith(MAGIC[name[-3:]]) for name, content in files.items())
    assert outcome.err.splitlines()[-1] == "figures: new/figures (24 files)"
    assert "a_b beats random" in outcome.out


@pytest.mark.slow
def test_the_same_runs_give_the_same_bytes_and_pyplot_is_left_alone(alframe, runs, tmp_path, monkeypatch):
    assert alframe("compare", "runs/digits/s2", "--figures", "one").code == 0
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    assert alframe("compare", "runs/digits/s2", "--figures", "two").code == 0
    first = written(tmp_path / "one")
    assert first == written(tmp_path / "two") != {}
    curves = first["digits/s2/learning-curves.svg"].decode()
    assert "<!-- a_b -->" in curves
    assert "<!-- digits, s2 -->" in curves


def test_one_strategy_with_one_seed(alframe, write_run, tmp_path):
    write_run("d", "s", "random", 1, [0.5])
    outcome = alframe("compare", "runs", "--figures", "figures")
    assert outcome.code == 0
    assert {name for name in written(tmp_path / "figures") if name.endswith("png")} == {
        "d/s/learning-curves.png"
    }
    assert "note: d/s: no figure of seconds, as none are recorded" in outcome.err
    assert "note: d/s: no reliability diagram, as no calibration is recorded with runs of e" in outcome.err


def test_calibration_from_the_records_alone(alframe, write_run, tmp_path):
    for seed, bins in ((1, [[7, 4, 0.5, 0.25], [14, 16, 1.0, 1.0]]), (2, [[14, 20, 0.99, 0.9]])):
        write_run("d", "s", "margin", seed, [0.5, 0.6], ece=0.1 * seed, brier=0.25, reliability=bins)
    write_run("d", "s", "earlier", 1, [0.5, 0.6])
    outcome = alframe("compare", "runs", "--figures", "figures", "--format", "json")
    names = {name for name in written(tmp_path / "figures") if name.endswith("svg")}
    assert {"d/s/reliability.svg", "d/s/calibration.svg"} <= names
    assert "reliability" not in outcome.err
    strategies = json.loads(outcome.out)["settings"][0]["strategies"]
    assert strategies["earlier"]["calibration"] is None
    found = strategies["margin"]["calibration"]
    assert (found["labelled"], found["brier"]["mean"], found["brier"]["std"]) == (2000, 0.25, 0.0)
    assert found["ece"]["mean"] == pytest.approx(0.15)
    assert found["bins"][0] == {"number": 7, "samples": 4, "confidence": 0.5, "accuracy": 0.25}
    assert strategies["margin"]["trials"]["1"]["ece"] == [0.1, 0.1]


def test_names_with_the_signs_of_formulas_and_letters_the_font_lacks(alframe, write_run, tmp_path):
    for name in ("a$b$_c^", "策略"):
        write_run("d", "$s", name, 1, [0.5, 0.6])
    outcome = alframe("compare", "runs", "--figures", "figures")
    assert outcome.code == 0
    assert "note: learning-curves: Glyph" in outcome.err
    assert len(written(tmp_path / "figures")) == 9


def test_a_folder_that_can_not_be(alframe, runs, tmp_path):
    (tmp_path / "file").touch()
    outcome = alframe("compare", "runs", "--figures", "file")
    assert (outcome.code, outcome.out) == (2, "")
    [line] = outcome.err.splitlines()
    assert line.startswith("error: figures can't be written to file")
    assert line.endswith("choose another folder with --figures")


def test_a_file_that_can_not_be_replaced(alframe, runs, tmp_path):
    (tmp_path / "figures/digits/s1/learning-curves.svg").mkdir(parents=True)
    outcome = alframe("compare", "runs", "--figures", "figures")
    assert outcome.code == 2
    assert "figures can't be written to figures/digits/s1/learning-curves.svg: Is a directory" in outcome.err


def test_without_matplotlib(alframe, runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    outcome = alframe("compare", "runs", "--figures", "figures")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == (
        "error: figures need the package matplotlib; alframe's extra brings it: "
        "pip install 'alframe[figures]'\n"
    )
    assert alframe("compare", "runs").code == 0


def test_a_disk_that_is_full_leaves_the_old_figures(alframe, write_run, tmp_path, monkeypatch):
    write_run("d", "s", "margin", 1, [0.5, 0.6])
    command = ("compare", str(tmp_path / "runs"), "--figures", str(tmp_path / "figures"))
    assert alframe(*command).code == 0

    def content():
        return {path: path.read_bytes() for path in (tmp_path / "figures").rglob("*") if path.is_file()}

    def full(figure, file, **options):
        file.write(b"ha")
        raise OSError(28, "No space left on device")

    before = content()
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    assert "figures can't be written to" in alframe(*command).err
    assert content() == before
