import json
import os
import re
import struct
import sys

import numpy as np
import pytest

import alframe as package
from alframe.learning.stored import Reading
from alframe_cli import query
from doubles import BenchCrew

RNG = np.random.default_rng(0)
POOL = {
    "features": RNG.normal(size=(60, 8)),
    "weight": RNG.normal(size=(3, 8)),
    "bias": RNG.normal(size=3),
    "labelled_features": RNG.normal(size=(12, 8)),
    "labelled_targets": np.arange(12) % 3,
}
NEVER = """
from alframe import hookimpl
@hookimpl
def alframe_score(pool):
    return pool.features[:, 0].log().nan_to_num(nan=-float("inf"))
"""
FLAGS = [part for name in POOL for part in (f"--{name.replace('_', '-')}", f"{name}.npy")]


@pytest.fixture(autouse=True)
def files(tmp_path):
    np.savez(tmp_path / "pool.npz", **POOL)
    for name, array in POOL.items():
        np.save(tmp_path / f"{name}.npy", array)
    np.savez(tmp_path / "rest.npz", **{k: v for k, v in POOL.items() if k != "features"})
    np.savez(tmp_path / "other.npz", x=POOL["features"])
    np.save(tmp_path / "text.npy", np.array(["a", "b"]))
    np.save(tmp_path / "halves.npy", np.arange(12) / 2)
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "pool.npz").read_bytes()[:900])
    (tmp_path / "empty.npy").touch()
    (tmp_path / "no.npy").write_text("not an array")
    os.mkfifo(tmp_path / "pipe")


def wanted(strategy, **changes):
    arguments = {name: POOL[name] for name in ("features", "labelled_features", "labelled_targets")}
    arguments |= {"head": (POOL["weight"], POOL["bias"]), "n": 7, "device": "cpu"}
    return package.query(strategy, **(arguments | changes))


@pytest.mark.parametrize(
    "source", [["pool.npz"], FLAGS, ["features.npy", *FLAGS[2:]], ["rest.npz", *FLAGS[:2]]]
)
def test_rows_are_those_of_the_function_wherever_the_arrays_come_from(alframe, source):
    outcome = alframe("query", "--strategy", "alfamix", "-n", "7", *source)
    assert outcome.code == 0
    assert [int(line) for line in outcome.out.splitlines()] == wanted("alfamix").indices.tolist()
    assert outcome.err.startswith("7 of 60 rows chosen by alfamix in ")


def test_options_stages_and_seed(alframe):
    command = ["query", "--strategy", "margin", "-n", "7", "pool.npz", "-q", "--seed", "3"]
    outcome = alframe(*command, "--select", "alfamix", "-o", "alfamix.cap=0.9")
    expected = wanted("margin", stages={"select": "alfamix"}, options={"alfamix": {"cap": 0.9}}, seed=3)
    assert [int(line) for line in outcome.out.splitlines()] == expected.indices.tolist()
    assert outcome.err == ""
    assert outcome.out != alframe(*command).out


def test_json(alframe, tmp_path):
    document = json.loads(alframe("query", "--strategy", "margin", "-n", "7", "pool.npz", "--json").out)
    expected = wanted("margin")
    assert document["indices"] == expected.indices.tolist()
    assert document["scores"] == expected.scores[expected.indices].tolist()
    assert (document["strategy"], document["topped_up"]) == ("margin", 0)
    command = ["query", "-n", "60", "features.npy", "--json"]
    assert json.loads(alframe(*command, "--strategy", "random").out)["scores"] is None
    (tmp_path / "never.py").write_text(NEVER)
    document = json.loads(alframe(*command, "--strategy", "never", "--plugin", "never.py").out)
    assert document["scores"].count(None) == document["topped_up"] == (POOL["features"][:, 0] < 0).sum()


def test_written_rows_and_scores(alframe, tmp_path):
    expected = wanted("entropy")
    alframe("query", "--strategy", "entropy", "-n", "7", "pool.npz", "--out", "picks.npy")
    assert np.load(tmp_path / "picks.npy").tolist() == expected.indices.tolist()
    alframe("query", "--strategy", "entropy", "-n", "7", "pool.npz", "--out", "picks.npz")
    with np.load(tmp_path / "picks.npz") as written:
        assert written["indices"].tolist() == expected.indices.tolist()
        assert written["scores"].tolist() == expected.scores.tolist()
    alframe("query", "--strategy", "random", "-n", "7", "features.npy", "--out", "picks.npz")
    with np.load(tmp_path / "picks.npz") as written:
        assert written.files == ["indices"]


def test_a_budget_above_the_pool_and_rows_drawn_at_random_are_said(alframe):
    outcome = alframe("query", "--strategy", "random", "-n", "1000", "features.npy")
    assert sorted(map(int, outcome.out.split())) == list(range(60))
    assert "60 of 60 rows" in outcome.err
    assert "(the pool has no 1,000)" in outcome.err
    topped_up = wanted("alfamix", n=50).topped_up
    assert topped_up
    outcome = alframe("query", "--strategy", "alfamix", "-n", "50", "pool.npz")
    assert f"the last {topped_up} of them drawn at random" in outcome.err


def test_a_plugin_that_is_a_file(alframe, tmp_path):
    text = "from alframe import hookimpl\n@hookimpl\ndef alframe_score(pool): return pool.features[:, 0]\n"
    (tmp_path / "first.py").write_text(text)
    outcome = alframe("query", "--plugin", "first.py", "--strategy", "first", "-n", "1", "features.npy", "-q")
    assert outcome.out == f"{POOL['features'][:, 0].argmax()}\n"


def test_an_answer_that_cannot_be_written_is_printed_all_the_same(alframe):
    outcome = alframe(
        "query", "--strategy", "entropy", "-n", "7", "pool.npz", "--out", "nowhere/picks.npy", "-q"
    )
    assert outcome.code == 2
    assert [int(line) for line in outcome.out.splitlines()] == wanted("entropy").indices.tolist()
    assert outcome.err == "error: nowhere/picks.npy can't be written: No such file or directory\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.npz"], "missing.npz can't be read: No such file"),
        (["objects.npy"], "objects.npy can't be read: it holds Python objects, not numbers"),
        (["pipe"], "pipe can't be read: it is no file"),
        (["text.npy"], "features must be an array or tensor of numbers, got <U1"),
        (["bias.npy"], "features must be a matrix, one row a sample, got shape [3]"),
        (["other.npz"], "other.npz holds x; known are features, probs, logits, weight"),
        (["rest.npz"], "there are no features"),
        ([], "there are no features"),
        (["features.npy", "--bias", "bias.npy"], "there is bias without weight: give --weight too"),
        (["features.npy", "--labelled-features", "pool.npz"], "pool.npz holds several arrays"),
        (["pool.npz", "--labelled-targets", "halves.npy"], "labelled_targets must be class numbers"),
        (
            ["pool.npz", "--labelled-targets", "text.npy"],
            "there are 3 classes and 2 labels of classes, 'a', 'b'",
        ),
        (["pool.npz", "--bias", "text.npy"], "the head's bias must be an array or tensor of numbers"),
        (["features.npy"], "needs predictions"),
        (["pool.npz", "-o", "alfamix.cap=0.1"], "options for 'alfamix' are of no use here"),
        (["pool.npz", "-o", "nobody.cap=0.1"], "options for 'nobody' are of no use here"),
        (["pool.npz", "--select", "nobody"], "unknown plugin for --select 'nobody'"),
        (["pool.npz", "--out", "picks.csv"], "wanted a file that ends in .npy or .npz"),
        (["pool.npz", "--device", "moon"], "device 'moon' can't be used"),
    ],
)
def test_mistakes_are_one_clear_line(alframe, arguments, message):
    outcome = alframe("query", "--strategy", "margin", "-n", "5", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("name", ["pool.npz", "./pool.npz", "link.npz", "hard.npz"])
def test_the_pool_is_not_overwritten_by_whichever_name(alframe, tmp_path, name):
    before = (tmp_path / "pool.npz").read_bytes()
    (tmp_path / "link.npz").symlink_to(tmp_path / "pool.npz")
    (tmp_path / "hard.npz").hardlink_to(tmp_path / "pool.npz")
    outcome = alframe("query", "--strategy", "coreset", "-n", "7", "pool.npz", "--out", name)
    assert (outcome.code, outcome.out) == (2, "")
    assert (
        f"--out {name.removeprefix('./')} would overwrite pool.npz, which is read; name another"
        in outcome.err
    )
    assert (tmp_path / "pool.npz").read_bytes() == before


def test_no_array_of_a_flag_is_overwritten(alframe, tmp_path):
    command = ["query", "--strategy", "coreset", "-n", "7", "features.npy", *FLAGS[6:], "--out"]
    assert "would overwrite labelled_targets.npy" in alframe(*command, "labelled_targets.npy").err
    assert alframe(*command, "another.npy").code == 0


class TestDamage:
    """A damaged file is said to be one, with the exit code of what fails."""

    def outcome_of(self, alframe, path):
        outcome = alframe("query", "--strategy", "margin", "-n", "5", path)
        assert outcome.out == ""
        assert outcome.err.count("\n") == 1
        return outcome

    @pytest.mark.parametrize("path", ["empty.npy", "no.npy", "cut.npz"])
    def test_what_is_no_array(self, alframe, path):
        outcome = self.outcome_of(alframe, path)
        assert outcome.code == 1
        assert f"error: {path} can't be read: it is no array of numbers in NumPy's format" in outcome.err

    @pytest.mark.parametrize("compressed", [False, True])
    def test_bytes_that_have_changed(self, alframe, tmp_path, compressed):
        save = np.savez_compressed if compressed else np.savez
        save(tmp_path / "whole.npz", **POOL)
        whole = (tmp_path / "whole.npz").read_bytes()
        rng = np.random.default_rng(0)
        for place in rng.integers(len(whole), size=40).tolist():
            changed = bytearray(whole)
            changed[place] ^= 0xFF
            (tmp_path / "changed.npz").write_bytes(changed)
            code = alframe("query", "--strategy", "random", "-n", "5", "changed.npz").code
            assert code in (0, 1, 2), place  # 0: a byte that nothing reads; 2: one of an array's name

    def test_a_header_that_promises_more_than_any_machine_has(self, alframe, tmp_path):
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 8), }\n"
        (tmp_path / "huge.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
        assert self.outcome_of(alframe, "huge.npy").code in (1, 2)


def test_a_head_of_one_row_is_that_of_two_classes(alframe, tmp_path):
    pool = POOL | {"weight": POOL["weight"][:1], "bias": POOL["bias"][:1]}
    np.savez(tmp_path / "binary.npz", **{k: v for k, v in pool.items() if not k.startswith("labelled")})
    outcome = alframe("query", "--strategy", "margin", "-n", "3", "binary.npz", "-q")
    logits = np.abs(POOL["features"] @ pool["weight"][0] + pool["bias"][0])
    assert [int(line) for line in outcome.out.splitlines()] == np.argsort(logits)[:3].tolist()


class Benches(BenchCrew):
    """In the place of processes."""

    def __init__(self, workers, devices):
        super().__init__(workers)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


class TestPoolInFiles:
    @pytest.fixture(autouse=True)
    def _parts(self, tmp_path):
        (tmp_path / "feats").mkdir()
        for number, part in enumerate(np.split(POOL["features"].astype(np.float16), [1, 1, 33])):
            np.save(tmp_path / "feats" / f"part-{number:05}.npy", part)

    @pytest.mark.parametrize("strategy", ["margin", "coreset", "badge"])
    @pytest.mark.parametrize("source", [["feats", *FLAGS[2:]], ["rest.npz", "--features", "feats"]])
    def test_by_blocks_rows_are_those_of_the_function(self, alframe, strategy, source):
        outcome = alframe("query", "--strategy", strategy, "-n", "7", *source, "--memory", "1KB")
        expected = wanted(strategy, features=POOL["features"].astype(np.float16)).indices.tolist()
        assert [int(line) for line in outcome.out.splitlines()] == expected
        assert "; read 0.0 MB, the pool " in outcome.err

    def test_json_says_what_was_read(self, alframe):
        command = ["query", "--strategy", "margin", "-n", "7", "--json", "feats", *FLAGS[2:]]
        assert "reading" not in json.loads(alframe(*command).out)
        reading = json.loads(alframe(*command, "--memory", "1 kB").out)["reading"]
        assert reading["bytes"] == reading["rows"] * 16
        assert (reading["passes_skipped"], reading["device_memory"]) == (0, 0)

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say")
    def test_the_memory_is_said(self, alframe):
        command = ["query", "--strategy", "margin", "-n", "7", "feats", *FLAGS[2:], "--memory", "1KB"]
        assert re.search(r"; at most \d{2,3} MB of memory$", alframe(*command).err.strip())
        assert json.loads(alframe(*command, "--json").out)["reading"]["peak_memory"] > 10**7

    def test_what_was_skipped_and_a_gpu_are_said(self):
        reading = Reading(
            10, 10**6, 2.0, passes_skipped=1.5, workers=3, workers_lost=1, device_memory=5 * 10**6
        )
        words = (
            "; read 1.0 MB, the pool 2.0 times, where 3.5 would have been without bounds, by 3 workers, "
            "of which 1 died; their rows were read by others; at most 5 MB of the GPU's"
        )
        assert query._as_read(reading) == words

    def test_workers_are_processes_beside_this_one(self, alframe, monkeypatch):
        monkeypatch.setattr("alframe.learning.crew.ProcessCrew", Benches)
        command = ["query", "--strategy", "badge", "-n", "7", "feats", *FLAGS[2:], "--workers", "3"]
        outcome = alframe(*command)
        expected = wanted("badge", features=POOL["features"].astype(np.float16)).indices.tolist()
        assert [int(line) for line in outcome.out.splitlines()] == expected
        assert "times, by 3 workers" in outcome.err
        reading = json.loads(alframe(*command, "--json").out)["reading"]
        assert (reading["workers"], reading["workers_lost"]) == (3, 0)
        assert alframe(*command, "--device", "cpu,cpu").out == outcome.out
        assert "at least 1" in alframe(*command[:-1], "0").err.replace("x>=1", "at least 1")

    def test_workers_want_files(self, alframe):
        outcome = alframe("query", "--strategy", "margin", "-n", "7", "pool.npz", "--workers", "2")
        assert outcome.code == 2
        assert "workers read a pool in files" in outcome.err

    def test_what_needs_the_whole_pool(self, alframe):
        outcome = alframe("query", "--strategy", "bait", "-n", "7", "feats", *FLAGS[2:], "--memory", "1KB")
        assert outcome.code == 2
        assert "whole pool's features at once, 0.0 MB in float32, and memory allows 0.0 MB" in outcome.err
        assert outcome.err.count("\n") == 1

    @pytest.mark.parametrize("size", ["8", "GB", "0GB", "-1GB", "8 GiB", "much"])
    def test_a_size_that_is_none(self, alframe, size):
        outcome = alframe("query", "--strategy", "margin", "-n", "7", "feats", "--memory", size)
        assert outcome.code == 2
        assert f"--memory {size}: expected a size such as 8GB" in outcome.err


@pytest.fixture
def feats(tmp_path):
    from alframe.data.ids import as_line

    folder = tmp_path / "feats"
    folder.mkdir()
    for number, part in enumerate(np.split(POOL["features"].astype(np.float32), [13, 40])):
        np.save(folder / f"part-{number:05}.npy", part)
    (folder / "ids.txt").write_bytes(b"".join(as_line(f"{row % 7}/{row}.jpg") for row in range(60)))
    return folder


@pytest.mark.parametrize("kind", ["numbers", "ids", "npy"])
def test_labelled_rows_of_a_folder_and_their_ids(alframe, feats, tmp_path, kind):
    rows = [5, 59, 0, 17, 23]
    lines = [f"{row % 7}/{row}.jpg" if kind == "ids" else str(row) for row in rows]
    file = tmp_path / ("rows.npy" if kind == "npy" else "rows.txt")
    if kind == "npy":
        np.save(file, np.array(rows))
    else:
        file.write_text("\n".join(lines))
    np.save(tmp_path / "y.npy", np.arange(5) % 3)
    given = {"labelled_features": None, "labelled_rows": rows, "labelled_targets": np.arange(5) % 3}
    picks = wanted("coreset", **given, head=None).indices.tolist()
    command = ["query", "--strategy", "coreset", "-n", "7", "feats", "--labelled-targets", "y.npy", "-q"]
    command += ["--labelled-rows", str(file)]
    outcome = alframe(*command)
    assert outcome.out.splitlines() == [f"{row}\t{row % 7}/{row}.jpg" for row in picks]
    shown = json.loads(alframe(*command, "--json").out)
    assert shown["indices"] == picks
    assert shown["ids"] == [f"{row % 7}/{row}.jpg" for row in picks]


def test_labelled_rows_that_are_none(alframe, feats, tmp_path):
    (tmp_path / "rows.txt").write_text("3\n99/1.jpg\n")
    command = ["query", "--strategy", "coreset", "-n", "7", "feats", "--labelled-rows", "rows.txt"]
    outcome = alframe(*command, "--labelled-targets", "labelled_targets.npy")
    assert outcome.code == 2
    assert "rows.txt, line 2: expected a row number, or a name of ids.txt, got '99/1.jpg'" in outcome.err
    (tmp_path / "rows.txt").write_text("3\n")
    assert "labelled_rows needs labelled_targets" in alframe(*command).err
