import json

import pytest
from PIL import Image

from alframe.errors import UsageError
from alframe.labelling.formats import coco


def test_what_was_exported_is_imported(labelled, other, tmp_path, same):
    coco.write(labelled, tmp_path / "out.json")
    found = coco.read(other, tmp_path / "out.json")
    other.take(found.events)
    assert found.notes == []
    assert len(same(labelled, other)) == 3


def test_images_categories_and_annotations_without_boxes(labelled, tmp_path):
    coco.write(labelled, tmp_path / "out.json")
    content = json.loads((tmp_path / "out.json").read_text())
    assert len(content["images"]) == 40
    assert content["images"][0] == {"id": 0, "file_name": "a/00.png", "width": 8, "height": 8}
    assert content["categories"] == [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    assert [(row["image_id"], row["category_id"]) for row in content["annotations"]] == [
        (0, 1),
        (1, 2),
        (39, 1),
    ]
    assert not any("bbox" in row for row in content["annotations"])


def test_sizes_are_those_that_are_seen(start, photos, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(photos / "a" / "00.jpg", exif=exif)
    (photos / "a" / "01.jpg").write_bytes(b"broken")
    coco.write(start(), tmp_path / "out.json")
    images = {row["file_name"]: row for row in json.loads((tmp_path / "out.json").read_text())["images"]}
    assert (images["a/00.jpg"]["width"], images["a/00.jpg"]["height"]) == (20, 40)
    assert "width" not in images["a/01.jpg"]


def test_boxes_and_several_categories_are_left_out_and_named(other, tmp_path):
    names = ["a/00.png", "a/02.png", "a/04.png", "no.png"]
    content = {
        "images": [{"id": f"i{row}", "file_name": name} for row, name in enumerate(names)],
        "categories": [{"id": 7, "name": "cat"}, {"id": 8, "name": "dog"}],
        "annotations": [
            {"image_id": "i0", "category_id": 7, "bbox": [1, 2, 3, 4]},
            {"image_id": "i1", "category_id": 7},
            {"image_id": "i1", "category_id": 8},
            {"image_id": "i2", "category_id": 8},
            {"image_id": "i2", "category_id": 8},
            {"image_id": "i3", "category_id": 8},
        ],
    }
    (tmp_path / "in.json").write_text(json.dumps(content))
    found = coco.read(other, tmp_path / "in.json")
    assert [event["sample"] for event in found.events] == [2]
    assert found.notes == [
        "in.json: boxes and outlines are left out, of: a/00.png",
        "in.json: images with several categories: a/02.png",
        "in.json: of no sample here: no.png",
    ]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"images": [{}], "categories": [], "annotations": []}', "3"]
)
def test_what_is_no_coco(other, tmp_path, content):
    (tmp_path / "in.json").write_text(content)
    with pytest.raises(UsageError, match="expected images, categories, annotations"):
        coco.read(other, tmp_path / "in.json")


def test_texts(start, texts, tmp_path):
    with pytest.raises(UsageError, match="the samples are texts"):
        coco.write(start(texts, kind="texts"), tmp_path / "out.json")
