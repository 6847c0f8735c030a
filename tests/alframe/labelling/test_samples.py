import json
import shutil

import pytest
from PIL import Image

from alframe.errors import DamagedFileError, UsageError
from alframe.labelling.image_files import ImageFiles
from alframe.labelling.samples import Samples


@pytest.fixture
def look(photos, tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()

    def again(write=True):
        return Samples(folder, ImageFiles(photos, folder), write=write)

    again.file = folder / "samples.jsonl"
    return again


def test_positions_are_written_and_come_back(look):
    samples = look()
    assert [sample.position for sample in samples.all] == list(range(40))
    first = json.loads(look.file.read_text().splitlines()[0])
    assert first == {
        "position": 0,
        "id": "a/00.png",
        "size": samples.all[0].size,
        "digest": samples.all[0].digest,
    }
    before = look.file.stat()
    assert look().all == samples.all
    assert look.file.stat().st_mtime_ns == before.st_mtime_ns
    assert samples.notes == []


def test_new_files_come_last_and_missing_ones_are_marked(look, photos):
    before = look().all
    (photos / "a" / "02.png").unlink()
    Image.new("RGB", (9, 9)).save(photos / "a" / "000.png")
    samples = look()
    assert [sample.id for sample in samples.all[:40]] == [sample.id for sample in before]
    assert samples.all[40].id == "a/000.png"
    assert [sample.position for sample in samples.all if sample.missing] == [1]
    assert samples.notes == ["1 sample is new: a/000.png", "1 sample is missing: a/02.png"]
    assert len(look.file.read_text().splitlines()) == 41


def test_who_only_looks_writes_nothing_and_takes_nothing_in(look, photos):
    look()
    content = look.file.read_bytes()
    Image.new("RGB", (9, 9)).save(photos / "new.png")
    (photos / "a" / "02.png").unlink()
    samples = look(write=False)
    assert len(samples.all) == 40
    assert samples.all[1].missing
    assert look.file.read_bytes() == content


def test_a_moved_file_keeps_its_position(look, photos):
    look()
    shutil.move(photos / "a", photos / "c")
    samples = look()
    assert len(samples.all) == 40
    assert not any(sample.missing for sample in samples.all)
    assert samples.all[0].id == "c/00.png"
    assert samples.position("a/00.png") == samples.position("c/00.png") == 0
    assert samples.notes[0].startswith("20 samples are moved, and keep their labels: c/00.png")
    again = look()
    assert again.position("a/00.png") == 0
    assert again.notes == []


def test_two_of_one_content_are_not_taken_for_moved(look, photos):
    look()
    shutil.copy(photos / "a" / "00.png", photos / "x.png")
    shutil.copy(photos / "a" / "00.png", photos / "y.png")
    (photos / "a" / "00.png").unlink()
    samples = look()
    assert samples.all[0].missing
    assert [sample.id for sample in samples.all[40:]] == ["x.png", "y.png"]


def test_a_changed_file_is_said(look, photos):
    look()
    Image.new("RGB", (30, 30)).save(photos / "a" / "00.png")
    assert "1 sample is changed since they were taken in" in look().notes[0]
    assert look().notes == []


def test_a_file_that_comes_back_is_there_again(look, photos):
    look()
    content = (photos / "a" / "00.png").read_bytes()
    (photos / "a" / "00.png").unlink()
    assert look().all[0].missing
    (photos / "a" / "00.png").write_bytes(content)
    assert not look().all[0].missing


@pytest.mark.parametrize("content", ["{", '{"position":1,"id":"a","size":1,"digest":""}', "[1]"])
def test_a_damaged_file_is_said(look, content):
    look.file.write_text(content + "\n")
    with pytest.raises(DamagedFileError, match="is damaged"):
        look()


def test_an_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "readme.txt").write_text("x")
    source = ImageFiles(tmp_path / "empty", tmp_path)
    with pytest.raises(UsageError, match=r"there is nothing to label: .*no images are left out: .txt 1"):
        Samples(tmp_path, source, write=True)


def test_without_the_source_all_are_missing(look):
    look()
    samples = Samples(look.file.parent, None, write=True)
    assert all(sample.missing for sample in samples.all)
