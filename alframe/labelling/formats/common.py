"""What formats have in common: what is imported, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from alframe.contract.labelling import Imported
from alframe.errors import UsageError
from alframe.labelling.classes import checked_name
from alframe.labelling.events import moment_of, timestamp
from alframe.labelling.formats.matching import Matcher
from alframe.records.reading import Unusable, read_bytes

if TYPE_CHECKING:
    from alframe.labelling.session import Session

NAMED = 5
IMPORTED = "import"  # who labelled, where a file does not say it, and why


class Collector:
    """Gathers the labels of a file, as far as they are of samples that the session has.

    Args:
        session: where they are to go.
        path: the file, for notes.
    """

    def __init__(self, session: Session, path: Path) -> None:
        self._session = session
        self._path = path
        self._matcher = Matcher(session)
        self._settled = session.labels()
        self._events: list[dict[str, Any]] = []
        self._classes = dict.fromkeys(info.name for info in session.classes)
        self._new_classes: list[str] = []
        self._left_out: dict[str, list[str]] = {}

    def add(
        self,
        reference: str,
        label: str | None,
        *,
        by: str | None = None,
        at: str | None = None,
        seconds: float | None = None,
        event: str = "label",
        position: int | None = None,
    ) -> None:
        """One answer.

        Args:
            reference: how the file calls the sample.
            label: the class; None for a skip.
            by: who said it, where the file knows.
            at: when.
            seconds: how long it took.
            event: "label", "skip" or "unsure".
            position: the sample, where it is known already.
        """
        if position is None:
            found, problem = self._matcher.find(reference)
            if found is None:
                self.leave_out(problem, reference)
                return
            position = found
        if event == "label":
            label = self._class(reference, label)
            if label is None or self._is_known(position, label, by):
                return
        moment = moment_of(at)
        fields = {
            "event": event,
            "sample": position,
            "label": label if event == "label" else None,
            "by": by or IMPORTED,
            "at": None if moment is None else timestamp(moment),
            "seconds": seconds,
            "why": IMPORTED,
        }
        self._events.append(fields)

    def leave_out(self, problem: str, name: str) -> None:
        """Takes down what is not imported."""
        self._left_out.setdefault(problem, []).append(name)

    def finish(self) -> Imported:
        """All that came, new classes first."""
        notes = [
            f"{self._path.name}: {problem}: {', '.join(names[:NAMED])}"
            + (f", ... ({len(names):,} in all)" if len(names) > NAMED else "")
            for problem, names in self._left_out.items()
        ]
        if self._new_classes:
            notes.append(f"{self._path.name}: new classes: {', '.join(self._new_classes)}")
        classes = [{"event": "class-add", "label": name, "by": IMPORTED} for name in self._new_classes]
        return Imported([*classes, *self._events], notes)

    def _class(self, reference: str, label: str | None) -> str | None:
        try:
            name = checked_name(label)
        except UsageError:
            self.leave_out("labels that can't be", f"{reference} ({label!r:.50})")
            return None
        if name not in self._classes:
            self._classes[name] = None
            self._new_classes.append(name)
        return name

    def _is_known(self, position: int, label: str, by: str | None) -> bool:
        settled = self._settled.get(position)
        known = self._session.votes(position).get(by) if by else settled.label if settled else None
        if known == label:
            return True
        if settled and settled.label != label:
            name = self._session.samples[position].id
            self.leave_out("had another label, which the imported one overrules", name)
        return False


def read_whole(path: Path) -> str:
    """The text of a file.

    Raises:
        UsageError: there is none, or it is no text.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {path}") from error
    except Unusable as error:
        raise UsageError(f"{path} can't be read: {error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} can't be read: it is no text in UTF-8") from error
