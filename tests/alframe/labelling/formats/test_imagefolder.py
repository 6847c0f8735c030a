import errno
import os
import shutil

import pytest
from PIL import Image

from alframe.errors import TrialError, UsageError
from alframe.labelling.formats import imagefolder
from alframe.labelling.formats.imagefolder import folder_name


def said(session):
    return {position: label.label for position, label in session.labels().items()}


def test_a_folder_a_class_by_hard_links(labelled, photos, tmp_path):
    assert imagefolder.write(labelled, tmp_path / "out") == []
    files = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.png"))
    assert files == ["cat/a/00.png", "cat/b/39.png", "dog/a/02.png"]
    assert (tmp_path / "out" / "cat" / "a" / "00.png").samefile(photos / "a" / "00.png")
    assert not (tmp_path / "out.tmp").exists()


def test_copies_where_there_are_no_hard_links(labelled, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", lambda *a: (_ for _ in ()).throw(OSError(errno.EXDEV, "other disk")))
    imagefolder.write(labelled, tmp_path / "out")
    copy = tmp_path / "out" / "cat" / "a" / "00.png"
    assert copy.read_bytes() == (photos / "a" / "00.png").read_bytes()
    assert not copy.samefile(photos / "a" / "00.png")


@pytest.mark.parametrize("how", ["as it is", "renamed files", "flat"])
def test_what_was_exported_is_imported(labelled, other, tmp_path, how):
    out = tmp_path / "out"
    imagefolder.write(labelled, out)
    for number, file in enumerate(list(out.rglob("*.png"))):
        if how == "renamed files":  # known by their content
            file.rename(file.with_name(f"x{number}.png"))
        elif how == "flat":
            shutil.move(file, out / file.relative_to(out).parts[0] / file.name)
    found = imagefolder.read(other, out)
    other.take(found.events)
    assert found.notes == []
    assert said(other) == said(labelled)


@pytest.mark.parametrize(
    "label", ["a/b", "../up", "..", ".", ".hidden", "50%", "a:b*?", "lost+found", "dot.", "日本"]
)
def test_classes_that_are_no_names_of_folders(start, tmp_path, label):
    one, two = start(classes=("x",)), start(classes=("x",), folder=tmp_path / "two")
    one.post({"event": "class-add", "label": label}, "ada")
    one.post({"event": "label", "sample": 0, "label": label}, "ada")
    notes = imagefolder.write(one, tmp_path / "out")
    name = folder_name(label)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]
    assert (name != label) == bool(notes)
    two.take(imagefolder.read(two, tmp_path / "out").events)
    assert said(two) == {0: label}


def test_what_is_gone_is_named(labelled, photos, tmp_path):
    (photos / "a" / "00.png").unlink()
    assert imagefolder.write(labelled, tmp_path / "out") == [
        "labelled images that are gone are left out: a/00.png"
    ]


def test_a_folder_that_is_there_is_not_touched(labelled, tmp_path):
    (tmp_path / "out").mkdir()
    imagefolder.write(labelled, tmp_path / "out")
    with pytest.raises(UsageError, match="is there already"):
        imagefolder.write(labelled, tmp_path / "out")


def test_a_full_disk_leaves_nothing_behind(labelled, tmp_path, monkeypatch):
    def full(*names):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", full)
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(TrialError, match="No space left on device"):
        imagefolder.write(labelled, tmp_path / "out")
    assert not list(tmp_path.glob("out*"))


def test_images_of_nobody_are_listed(other, tmp_path):
    (tmp_path / "in" / "cat").mkdir(parents=True)
    Image.new("RGB", (3, 3)).save(tmp_path / "in" / "cat" / "zzz.png")
    (tmp_path / "in" / "cat" / "readme.txt").touch()
    found = imagefolder.read(other, tmp_path / "in")
    assert (found.events, found.notes) == ([], ["in: of no sample here: zzz.png"])


def test_texts_and_no_folder(start, texts, other, tmp_path):
    with pytest.raises(UsageError, match="the samples are texts"):
        imagefolder.write(start(texts, kind="texts"), tmp_path / "out")
    with pytest.raises(UsageError, match="there is no folder"):
        imagefolder.read(other, tmp_path / "no")
