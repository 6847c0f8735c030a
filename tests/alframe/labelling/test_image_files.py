import os

import pytest
from PIL import Image

from alframe.errors import UsageError
from alframe.labelling.image_files import ImageFiles


@pytest.fixture
def files(photos, tmp_path):
    return ImageFiles(photos, tmp_path / "photos.alframe")


def ids(files):
    return [item.id for item in files.items()]


def copy(photos, *names):
    content = (photos / "a" / "00.png").read_bytes()
    for name in names:
        target = os.path.join(os.fsencode(photos), name if isinstance(name, bytes) else os.fsencode(name))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(content)


def test_images_at_any_depth_in_the_order_of_their_paths(files, photos):
    copy(photos, "z/y/x/1.JPG", "0.jpeg", "a b/1.png", "a/000.webp")
    found = ids(files)
    assert len(found) == 44
    assert found == sorted(found, key=lambda name: name.split("/"))
    assert {"z/y/x/1.JPG", "0.jpeg", "a b/1.png", "a/000.webp"} < set(found)
    assert found == ids(files)


@pytest.mark.parametrize(
    "name",
    [
        "ä.png",
        "日本/写真.png",
        "new\nline.png",
        '"q".png',
        "a'b.png",
        "-rf.png",
        "=1+1.png",
        " .png",
        "%41?d=#.png",
        "back\\slash.png",
        "<script>.png",
        "x" * 200 + ".png",
        "dots..png",
    ],
)
def test_files_of_any_name(files, photos, name):
    copy(photos, name)
    assert name in ids(files)
    content = files.content(name)
    assert (content.path, content.media_type) == (photos / name, "image/png")
    assert len(files.digest(name)) == 64


def test_a_name_that_is_no_text(files, photos):
    copy(photos, b"caf\xe9.png")
    assert "caf\\xe9.png" in ids(files)
    assert os.fsencode(files.content("caf\\xe9.png").path).endswith(b"caf\xe9.png")
    assert files.digest("caf\\xe9.png")
    copy(photos, "caf\\xe9.png")
    assert ids(files).count("caf\\xe9.png") == 1
    assert "two files that would be called the same: caf\\xe9.png" in files.notes[0]


def test_what_is_no_image_is_counted_and_what_systems_leave_is_not(files, photos):
    copy(
        photos,
        "readme.txt",
        "a/x.txt",
        "noise",
        ".hidden.png",
        ".git/1.png",
        "@eaDir/1.png",
        "__MACOSX/1.png",
    )
    copy(photos, "mine.alframe/thumb.png")
    assert len(ids(files)) == 40
    assert files.notes == ["photos: files that are no images are left out: .txt 2, without a suffix 1"]


def test_the_sessions_own_folder_is_none_of_it(photos):
    copy(photos, "work/1.png")
    assert "work/1.png" not in ids(ImageFiles(photos, photos / "work"))


def test_links(files, photos, tmp_path):
    outside = tmp_path / "secret.png"
    outside.write_bytes(b"secret")
    (photos / "out.png").symlink_to(outside)
    (photos / "nothing.png").symlink_to(tmp_path / "nothing.png")
    (photos / "inside.png").symlink_to("a/00.png")
    (photos / "folder").symlink_to(tmp_path)
    (photos / "loop").symlink_to(".")
    (photos / "circle.png").symlink_to("circle.png")
    found = ids(files)
    assert len(found) == 41
    assert "inside.png" in found
    notes = "\n".join(files.notes)
    assert "links that lead out of the folder are left out: " in notes
    assert "out.png" in notes
    assert "links to folders are not followed: " in notes


def test_a_file_that_became_a_link_out_of_the_folder_is_not_shown(files, photos, tmp_path):
    assert "a/00.png" in ids(files)
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    (photos / "a" / "00.png").unlink()
    (photos / "a" / "00.png").symlink_to(secret)
    with pytest.raises(UsageError, match="leads out of the folder"):
        files.content("a/00.png")
    assert files.digest("a/00.png") == ""


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a/../../secret.png", "", "a", "\0"])
def test_no_path_leads_out(files, tmp_path, name):
    (tmp_path / "secret.png").write_bytes(b"secret")
    with pytest.raises(UsageError):
        files.content(name)


def test_a_link_to_the_folder_itself_is_followed(photos, tmp_path):
    (tmp_path / "link").symlink_to(photos)
    assert len(ids(ImageFiles(tmp_path / "link", tmp_path / "s"))) == 40


def test_pipes_are_not_waited_for(files, photos):
    os.mkfifo(photos / "pipe.png")
    assert "pipe.png" not in ids(files)
    assert "pipes and devices: pipe.png" in files.notes[0]


def test_what_browsers_show(files, photos):
    Image.new("RGB", (4, 4)).save(photos / "1.tiff")
    ids(files)
    assert not files.content("1.tiff").in_browser
    assert files.content("a/00.png").in_browser


def test_no_folder(tmp_path):
    with pytest.raises(UsageError, match="there is no folder"):
        ImageFiles(tmp_path / "no", tmp_path)
