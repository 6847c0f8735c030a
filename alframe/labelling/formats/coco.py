"""COCO's ``images``, ``categories`` and ``annotations``, of whole images: no boxes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alframe.contract.labelling import PICTURES, Imported, Prediction
from alframe.errors import UsageError
from alframe.labelling.formats.common import Collector, read_whole
from alframe.records.reading import parse_json
from alframe.records.writing import replace, unwritable

if TYPE_CHECKING:
    from alframe.labelling.session import Session

PARTS = ("images", "categories", "annotations")


def write(session: Session, path: Path, predictions: Mapping[int, Prediction] | None = None) -> list[str]:
    """Writes all images, and an annotation with ``image_id`` and ``category_id`` of each that has a label.

    Raises:
        UsageError: the samples are texts, or the file can't be written.
    """
    if session.shown_as != PICTURES:
        raise UsageError("coco: the samples are texts; --to csv or jsonl writes these")
    numbers = {info.name: index for index, info in enumerate(session.classes, 1)}
    content = {
        "images": [
            {"id": sample.position, "file_name": sample.id} | _size(session, sample.position)
            for sample in session.samples
        ],
        "categories": [{"id": number, "name": name} for name, number in numbers.items()],
        "annotations": [
            {"id": row, "image_id": position, "category_id": numbers[label.label]}
            | {"by": label.by, "at": label.at}
            for row, (position, label) in enumerate(sorted(session.labels().items()), 1)
        ],
    }
    try:
        replace(path, lambda file: file.write(json.dumps(content, indent=1).encode()))
    except OSError as error:
        raise unwritable(path.parent, error) from error
    return []


def read(session: Session, path: Path) -> Imported:
    """Reads annotations of whole images; boxes and images with several categories are left out, and named.

    Raises:
        UsageError: the file is not there, or is not in this form.
    """
    try:
        content = parse_json(read_whole(path))
        images = {row["id"]: row["file_name"] for row in content["images"]}
        names = {row["id"]: row["name"] for row in content["categories"]}
        annotations: dict[Any, list[dict[str, Any]]] = {}
        found = Collector(session, path)
        for row in content["annotations"]:
            name = str(images[row["image_id"]])
            if row.get("bbox") or row.get("segmentation"):
                found.leave_out("boxes and outlines are left out, of", name)
            else:
                annotations.setdefault(row["image_id"], []).append(row)
        for image, rows in annotations.items():
            labels = {names[row["category_id"]] for row in rows}
            if len(labels) > 1:
                found.leave_out("images with several categories", str(images[image]))
            else:
                found.add(str(images[image]), labels.pop(), by=rows[-1].get("by"), at=rows[-1].get("at"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} can't be read as COCO: expected {', '.join(PARTS)}") from error
    return found.finish()


def _size(session: Session, position: int) -> dict[str, int]:
    """Width and height as they are seen; nothing where the file can't be read."""
    from PIL import Image

    from alframe.data.pictures import ORIENTATION

    try:
        path = session.content(position).path
        with Image.open(path or "") as image:
            width, height = image.size
            if image.getexif().get(ORIENTATION, 1) > 4:  # lies on its side
                width, height = height, width
    except Exception:  # what a decoder raises for damage depends on the format
        return {}
    return {"width": width, "height": height}
