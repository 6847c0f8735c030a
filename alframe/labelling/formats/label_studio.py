"""Label Studio: tasks out, with predictions and scores; its JSON, JSON_MIN and CSV in.

Its free edition can order tasks by ``data.alframe_score`` in the data manager.
"""

from __future__ import annotations

import json
import math
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

from alframe.contract.labelling import PICTURES, SOUNDS, TEXTS, Imported, Prediction
from alframe.errors import UsageError
from alframe.labelling.formats.common import Collector, read_whole
from alframe.labelling.formats.label_studio_rows import read_csv, read_min
from alframe.labelling.formats.label_studio_tasks import read_tasks
from alframe.records.reading import parse_json
from alframe.records.writing import replace, unwritable

if TYPE_CHECKING:
    from alframe.labelling.session import Session

FROM = "label"  # name of the choices in the labelling interface
LOCAL_FILES = "/data/local-files/?d="
TAGS = {PICTURES: ("image", "Image"), SOUNDS: ("audio", "Audio"), TEXTS: ("text", "Text")}


def write(session: Session, path: Path, predictions: Mapping[int, Prediction] | None = None) -> list[str]:
    """Writes tasks: those with predictions first, by their scores; the labels are annotations.

    Args:
        session: whose samples and labels.
        path: the file.
        predictions: what the model says, by position; also of labelled samples, where wanted.

    Returns:
        Where Label Studio looks for the images, and the labelling interface.

    Raises:
        UsageError: the file can't be written.
    """
    known = predictions or {}
    order = sorted(known, key=lambda position: (-known[position].score, position))
    rest = [sample.position for sample in session.samples if sample.position not in known]
    labels, skipped, scaled = session.labels(), session.skipped(), scores_from_0_to_1(known)
    tasks = []
    for position in [*order, *rest]:
        if session.samples[position].missing and position not in labels:
            continue
        label = labels.get(position)
        given = {label.by: label.label} if label else session.votes(position)
        task: dict[str, Any] = {"data": data_of(session, position) | {"alframe_by": list(given)}}
        when = {"created_at": label.at} if label else {}
        annotations = [_annotation([result(session, name)]) | when for name in given.values()]
        if position in skipped:
            annotations.append(_annotation([], was_cancelled=True))
        if annotations:
            task["annotations"] = annotations
        if position in known:
            task["predictions"] = [prediction(session, known[position], scaled.get(position))]
            if position in scaled:
                task["data"]["alframe_score"] = known[position].score
        tasks.append(task)
    try:
        replace(path, lambda file: file.write(json.dumps(tasks, ensure_ascii=False, indent=1).encode()))
    except OSError as error:
        raise unwritable(path.parent, error) from error
    notes = [f"the labelling interface of these tasks: {label_config(session)}"]
    if session.shown_as != TEXTS:
        root = Path(session.settings.source).parent
        notes.append(
            f"Label Studio finds the {session.shown_as} where it is started with "
            f"LOCAL_FILES_SERVING_ENABLED=true and LOCAL_FILES_DOCUMENT_ROOT={root}"
        )
    return notes


def read(session: Session, path: Path) -> Imported:
    """Reads an export of Label Studio: JSON, JSON_MIN or CSV. Choices are read; other results are counted.

    Raises:
        UsageError: the file is not there, or is none of these.
    """
    content = read_whole(path)
    found = Collector(session, path)
    if content.lstrip()[:1] not in ("[", "{"):
        read_csv(session, path, content, found)
        return found.finish()
    try:
        tasks = parse_json(content)
    except ValueError as error:
        raise UsageError(f"{path} can't be read: this is no JSON") from error
    tasks = [tasks] if isinstance(tasks, dict) else tasks
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise UsageError(f"{path}: expected a list of tasks, as Label Studio exports them")
    if any(isinstance(task.get("data"), dict) for task in tasks):
        read_tasks(session, tasks, found)
    else:
        read_min(session, path, tasks, found)
    return found.finish()


def label_config(session: Session) -> str:
    """The labelling interface of a session's tasks, as Label Studio wants it."""
    kind, tag = TAGS[session.shown_as]
    choices = "".join(f"<Choice value={quoteattr(info.name)}/>" for info in session.classes)
    shown = f'<{tag} name="{kind}" value="${kind}"/>'
    return f'<View>{shown}<Choices name="{FROM}" toName="{kind}" choice="single">{choices}</Choices></View>'


def data_of(session: Session, position: int) -> dict[str, Any]:
    """What a task shows."""
    sample = session.samples[position]
    if session.shown_as == TEXTS:
        text = "" if sample.missing else session.content(position).text
        return {"text": text, "alframe_id": sample.id}
    file = f"{Path(session.settings.source).name}/{sample.id}"
    return {_kind(session): LOCAL_FILES + urllib.parse.quote(file), "alframe_id": sample.id}


def prediction(session: Session, of: Prediction, score: float | None) -> dict[str, Any]:
    """A prediction as Label Studio wants it.

    Args:
        session: whose.
        of: the prediction.
        score: from 0 to 1, as `scores_from_0_to_1` makes them; None leaves it out.
    """
    found = {"model_version": f"alframe-{of.model}", "result": [result(session, of.label)]}
    return found | ({} if score is None else {"score": score})


def scores_from_0_to_1(predictions: Mapping[int, Prediction]) -> dict[int, float]:
    """Scores in Label Studio's range, which refuses others: as they are if they fit, else stretched to it.

    Args:
        predictions: by position; one whose score is no finite number gets none.
    """
    scores = {key: of.score for key, of in predictions.items() if math.isfinite(of.score)}
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    if 0 <= low <= high <= 1:
        return scores
    width = high - low or 1.0
    return {key: (score - low) / width for key, score in scores.items()}


def result(session: Session, label: str) -> dict[str, Any]:
    """A choice as Label Studio writes it."""
    return {
        "from_name": FROM,
        "to_name": _kind(session),
        "type": "choices",
        "value": {"choices": [label]},
    }


def _annotation(results: list[dict[str, Any]], *, was_cancelled: bool = False) -> dict[str, Any]:
    return {"result": results, "was_cancelled": was_cancelled, "ground_truth": False}


def _kind(session: Session) -> str:
    return TAGS[session.shown_as][0]
