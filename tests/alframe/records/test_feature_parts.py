import json

import numpy as np
import pytest

from alframe import DamagedFileError, TrialError, UsageError
from alframe.data.shards import open_shards
from alframe.records.feature_parts import FeatureFolder, Plan, name_of

X = np.random.default_rng(0).normal(size=(25, 4)).astype(np.float16)
PLAN = Plan({"data": "a" * 64, "network": "mlp"}, 25, 10, "float16")


def made(path, plan=PLAN, force=False, most=99):
    """Makes what is missing; gives the numbers of what was."""
    folder = FeatureFolder(path)
    with folder.held():
        missing = folder.begin(plan, force=force)
        for number in missing[:most]:
            rows = plan.parts[number]
            folder.write(number, X[rows.start : rows.stop].astype(plan.dtype))
    return missing


def test_parts_are_listed_and_read(tmp_path):
    assert made(tmp_path / "a" / "feats") == [0, 1, 2]
    assert made(tmp_path / "a" / "feats") == []
    shards = open_shards(tmp_path / "a" / "feats")
    assert np.array_equal(shards.between(0, 25), X)
    told = json.loads((tmp_path / "a" / "feats" / "parts.json").read_text())
    assert [(part["file"], part["rows"], part["dim"], part["dtype"]) for part in told["parts"]] == [
        (name_of(number), rows, 4, "float16") for number, rows in enumerate((10, 10, 5))
    ]
    assert (told["rows"], told["made_of"]) == (25, PLAN.made_of)
    assert not (tmp_path / "a" / "feats" / ".owner").exists()


def test_what_is_not_finished_is_no_pool(tmp_path):
    made(tmp_path, most=2)
    with pytest.raises(UsageError, match="is not finished: it has 20 of 25 rows"):
        open_shards(tmp_path)
    assert made(tmp_path) == [2]


@pytest.mark.parametrize("damage", ["gone", "cut", "changed", "not listed"])
def test_a_damaged_part_is_made_again(tmp_path, damage):
    made(tmp_path)
    file = tmp_path / name_of(1)
    if damage == "gone":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:-1])
    elif damage == "changed":
        content = bytearray(file.read_bytes())
        content[-3] ^= 1
        file.write_bytes(content)
    else:
        told = json.loads((tmp_path / "parts.json").read_text())
        del told["parts"][1]
        (tmp_path / "parts.json").write_text(json.dumps(told))
    assert made(tmp_path) == [1]
    assert np.array_equal(open_shards(tmp_path).between(0, 25), X)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Plan(PLAN.made_of, 25, 10, "float32"), "dtype float16 instead of float32"),
        (Plan(PLAN.made_of, 25, 9, "float16"), "part_rows 10 instead of 9"),
        (Plan({"data": "a" * 64, "network": "vgg"}, 25, 10, "float16"), "network mlp instead of vgg"),
        (Plan({"data": "b" * 64, "network": "mlp"}, 24, 10, "float16"), "rows 25 instead of 24; other data"),
    ],
)
def test_other_features_stay_unless_forced(tmp_path, plan, message):
    made(tmp_path)
    before = (tmp_path / "parts.json").read_bytes()
    with pytest.raises(UsageError, match=message) as caught:
        made(tmp_path, plan)
    assert "--force" in str(caught.value)
    assert (tmp_path / "parts.json").read_bytes() == before
    assert made(tmp_path) == []
    assert made(tmp_path, plan, force=True) == [0, 1, 2]


def test_a_damaged_list(tmp_path):
    made(tmp_path)
    (tmp_path / "parts.json").write_text('{"format": 1, "parts": [{}]}')
    with pytest.raises(DamagedFileError, match=r"parts.json can't be read.*--force"):
        made(tmp_path)
    assert made(tmp_path, force=True) == [0, 1, 2]
    (tmp_path / "parts.json").write_text('{"format": 2, "parts": []}')
    with pytest.raises(UsageError, match="another version"):
        made(tmp_path)


def test_folders_of_something_else(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match=r"--out .*file is a file"):
        made(tmp_path / "file")
    for force in (False, True):
        with pytest.raises(UsageError, match="is a folder of something else"):
            made(tmp_path, force=force)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_nothing_is_left_where_nothing_came_of_it(tmp_path):
    with pytest.raises(ValueError, match="before the first part"), FeatureFolder(tmp_path / "f").held():
        raise ValueError("before the first part")
    assert not list(tmp_path.iterdir())


def test_two_at_once(tmp_path):
    with FeatureFolder(tmp_path).held(), pytest.raises(TrialError, match="is in use by process"):
        made(tmp_path)


def test_a_full_disk_costs_a_part(tmp_path):
    resource = pytest.importorskip("resource")
    large = np.zeros((5000, 4), np.float32)
    folder, plan = FeatureFolder(tmp_path), Plan({}, 5010, 5000, "float32")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def make():
        with folder.held():
            folder.begin(plan, force=False)
            folder.write(1, large[:10])
            resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))
            try:
                folder.write(0, large)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)

    with pytest.raises(TrialError, match=r"File too large; what was written stays, and the same"):
        make()
    assert [path.name for path in tmp_path.glob("part-*")] == [name_of(1)]
    with folder.held():
        assert folder.begin(plan, force=False) == [0]


def test_names_and_targets(tmp_path):
    folder = FeatureFolder(tmp_path)
    with folder.held():
        folder.begin(PLAN, force=False)
        folder.write_names(["a/1.jpg", "two\nlines"])
        folder.write_targets(np.arange(3))
    assert (tmp_path / "ids.txt").read_bytes() == b"a/1.jpg\ntwo\\nlines\n"
    assert np.load(tmp_path / "targets.npy").tolist() == [0, 1, 2]
    made(tmp_path, force=True)
    assert not (tmp_path / "ids.txt").exists()
