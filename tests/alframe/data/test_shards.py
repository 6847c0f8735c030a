import itertools
import json
import os
import pickle

import numpy as np
import pytest

from alframe.data.shards import Shards, mapped, open_shards
from alframe.errors import DamagedFileError, UsageError

WHOLE = np.arange(60, dtype=np.float16).reshape(20, 3)
CUTS = [0, 1, 1, 5, 6, 13, 20]


@pytest.fixture
def folder(tmp_path):
    for number, (start, stop) in enumerate(itertools.pairwise(CUTS)):
        np.save(tmp_path / f"part-{number:05}.npy", WHOLE[start:stop])
    return tmp_path


def test_rows_are_those_of_one_matrix_an_empty_part_too(folder):
    shards = open_shards(folder)
    assert shards.shape == (20, 3)
    for start, stop in ((0, 20), (0, 1), (1, 1), (4, 7), (19, 20), (6, 13)):
        assert np.array_equal(shards.between(start, stop), WHOLE[start:stop])
    for rows in ([], [3], [19, 0, 3, 3, 5], list(range(19, -1, -1))):
        found = shards.at(np.array(rows, dtype=np.int64))
        assert found.dtype == np.float16
        assert np.array_equal(found, WHOLE[rows])


def test_what_is_read_is_counted(folder):
    shards = open_shards(folder)
    shards.between(3, 8)
    shards.at(np.array([1, 1, 19]))
    assert (shards.rows_read, shards.bytes_read) == (8, 8 * 3 * 2)


def test_parts_of_other_types_become_float32(folder):
    np.save(folder / "part-00002.npy", WHOLE[1:5].astype(np.int8))
    np.save(folder / "part-00005.npy", WHOLE[13:].astype(">f8"))
    found = open_shards(folder).between(0, 20)
    assert found.dtype == np.float32
    assert np.array_equal(found, WHOLE)


def test_one_file(folder):
    np.save(folder / "whole.npy", WHOLE)
    assert np.array_equal(open_shards(folder / "whole.npy").between(2, 9), WHOLE[2:9])


def test_the_list_says_which_parts_and_in_which_order(folder):
    (folder / "parts.json").write_text(
        json.dumps({"parts": [{"file": "part-00005.npy", "rows": 7}, {"file": "part-00000.npy"}]})
    )
    assert np.array_equal(open_shards(folder).between(0, 8), np.concatenate([WHOLE[13:], WHOLE[:1]]))


@pytest.mark.parametrize("text", ["{", "[]", '{"parts": [{}]}', '{"parts": [{"file": "x", "rows": "many"}]}'])
def test_a_list_that_is_none(folder, text):
    (folder / "parts.json").write_text(text)
    with pytest.raises(DamagedFileError, match="parts.json can't be read: expected"):
        open_shards(folder)


def test_a_part_of_another_length_than_the_list_says(folder):
    (folder / "parts.json").write_text('{"parts": [{"file": "part-00002.npy", "rows": 5}]}')
    with pytest.raises(DamagedFileError, match=r"part-00002.npy has 4 rows, .*parts.json says 5"):
        open_shards(folder)


def test_parts_that_do_not_fit_together(folder):
    np.save(folder / "part-00003.npy", WHOLE[:, :2])
    with pytest.raises(UsageError, match=r"part-00003.npy has 2 columns, .*part-00000.npy 3"):
        open_shards(folder)
    np.save(folder / "part-00003.npy", WHOLE[:, 0])
    with pytest.raises(UsageError, match=r"part-00003.npy: features must be a matrix of numbers"):
        open_shards(folder)


def test_what_is_no_part(tmp_path):
    with pytest.raises(UsageError, match="folder without parts"):
        open_shards(tmp_path)
    with pytest.raises(UsageError, match=r"no.npy can't be read: No such file"):
        mapped(tmp_path / "no.npy")
    (tmp_path / "text.npy").write_text("text")
    np.save(tmp_path / "cut.npy", WHOLE)
    os.truncate(tmp_path / "cut.npy", 150)
    for name in ("text.npy", "cut.npy"):
        with pytest.raises(DamagedFileError, match=f"{name} can't be read: it is no array of numbers"):
            mapped(tmp_path / name)
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(UsageError, match="holds Python objects"):
        mapped(tmp_path / "objects.npy")


def test_where_a_row_lies(folder):
    shards = open_shards(folder)
    assert shards.where(0).endswith("part-00000.npy, row 0")
    assert shards.where(1).endswith("part-00002.npy, row 0")
    assert shards.where(19).endswith("part-00005.npy, row 6")


def test_a_file_that_changes_is_noticed(folder):
    shards = open_shards(folder)
    shards.require_unchanged()
    os.utime(folder / "part-00003.npy", ns=(1, 1))
    with pytest.raises(DamagedFileError, match=r"part-00003.npy was changed while it was read"):
        shards.require_unchanged()


def test_arrays_in_memory_are_parts_too():
    shards = Shards([WHOLE[:8], WHOLE[8:]], ["one", "other"])
    assert np.array_equal(shards.at(np.array([7, 8])), WHOLE[7:9])
    shards.require_unchanged()


def test_another_process_opens_the_same_files(folder):
    shards = open_shards(folder)
    shards.between(0, 5)
    data = pickle.dumps(shards)
    assert len(data) < 5000
    found = pickle.loads(data)
    assert np.array_equal(found.between(0, 20), WHOLE)
    assert (found.where(1), found.rows_read) == (shards.where(1), 20)
    (folder / "part-00002.npy").unlink()
    with pytest.raises(UsageError, match=r"part-00002.npy can't be read by a worker"):
        pickle.loads(data)
    with (folder / "part-00002.npy").open("wb") as file:
        file.write(b"short")
    with pytest.raises(DamagedFileError, match=r"part-00002.npy was changed while it was read"):
        pickle.loads(data)


@pytest.mark.parametrize("rows", [slice(3, 9), slice(None, None, 2), slice(None, None, -1), slice(4, 4)])
def test_a_piece_of_a_mapped_array_in_another_process(rows, tmp_path):
    np.save(tmp_path / "whole.npy", WHOLE)
    piece = np.load(tmp_path / "whole.npy", mmap_mode="r")[1:][rows]
    found = pickle.loads(pickle.dumps(Shards([piece], ["piece"])))
    assert np.array_equal(found.between(0, 20), WHOLE[1:][rows])


def test_what_is_in_no_file_goes_itself():
    found = pickle.loads(pickle.dumps(Shards([WHOLE], ["whole"])))
    assert np.array_equal(found.between(2, 5), WHOLE[2:5])
