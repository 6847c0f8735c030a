"""A session: samples, people's labels of them, and what is to be labelled next."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alframe.contract.labelling import TEXTS, Source, SourceContent, SourceInfo
from alframe.errors import UsageError
from alframe.labelling.agreement import agreement
from alframe.labelling.checking import checked
from alframe.labelling.classes import Classes, ClassInfo
from alframe.labelling.events import UNDOABLE, Event, NotAnEventError
from alframe.labelling.journal import Journal
from alframe.labelling.opening import about, discard, draw_audit, held, source_now
from alframe.labelling.progress import pace, progress
from alframe.labelling.queue import Queue, shares
from alframe.labelling.reservations import Reservations
from alframe.labelling.samples import FILE as SAMPLES
from alframe.labelling.samples import Sample, Samples
from alframe.labelling.settings import FILE as SETTINGS
from alframe.labelling.settings import SessionSettings, read_settings, write_settings
from alframe.labelling.sources import info_of, open_source
from alframe.labelling.state import Disagreement, Labelled, State
from alframe.labelling.table import COLUMNS, write_table
from alframe.labelling.thumbnails import Thumbnails

JOURNAL = "labels.jsonl"
TABLE = "labels.csv"
TABLE_EVERY = 20  # labels, or a twentieth of all
NAMED = 5


class Session:
    """A session on disk; its methods may be called from several threads.

    `create`, `open` or `read` one. Positions are those of `samples` and never change.

    Attributes:
        folder: where it is.
        settings: what it was started with.
        info: what kind of source it has; None where that can't be had.
        source: where the samples are; None where it can't be had.
        audit: positions kept apart to estimate the accuracy: never trained on, nothing is suggested there.
        notes: what was found amiss, a line each.
    """

    def __init__(
        self,
        folder: Path,
        lock: contextlib.ExitStack | None,
        clock: Callable[[], float] = time.monotonic,
        begun: tuple[SourceInfo, Source, Samples] | None = None,
    ) -> None:
        self.folder = folder
        self.settings, self.audit = read_settings(folder)
        self._lock = lock
        source: Source | None
        if begun:
            self.info: SourceInfo | None = begun[0]
            source, self._samples, notes = begun[1], begun[2], about(self.settings, begun[0])
        else:
            self.info, source, notes = source_now(self.settings, folder, only_look=lock is None)
            self._samples = Samples(folder, source, write=lock is not None)
        self.source = source
        self._journal = Journal(folder / JOURNAL, read_only=lock is None)
        self.notes = [*notes, *(source.notes if source else ()), *self._samples.notes, *self._journal.notes]
        self._threads = threading.RLock()
        self._is_shared = shares(self.settings.seed, self.settings.overlap)
        self._state = State(Classes(self.settings.classes), self._samples.position, self._is_shared)
        self._clients: dict[tuple[str, str], Event] = {}
        self._listeners: list[Callable[[Event], None]] = []
        self._since_table = 0
        self._replay()
        self._thumbnails = Thumbnails()
        self._reservations = Reservations(clock)
        self._queue = Queue(
            self._state,
            self._reservations,
            (sample.position for sample in self._samples.all if not sample.missing),
            self.audit,
            self.settings.audit if self.settings.audit_by == "active" else len(self.audit),
            self._is_shared,
            str(self.settings.seed),
        )

    @classmethod
    def create(cls, source: Path, folder: Path, settings: SessionSettings) -> Session:
        """Starts a session and opens it.

        Args:
            source: folder of images or file of texts; overrules ``settings.source``.
            folder: the session's, made anew.
            settings: what it is to be.

        Raises:
            UsageError: there is nothing to label, or the folder has a session already.
            TrialError: another process has the folder, or the disk is full.
        """
        settings = dataclasses.replace(settings, source=os.path.abspath(source))
        if (folder / SETTINGS).exists():
            raise UsageError(f"{folder} has a session already; open it, or name another with --session")
        if (folder / JOURNAL).exists():
            raise UsageError(f"{folder} has labels, but no {SETTINGS}; bring that back, or move them away")
        was_there = folder.exists()
        lock = held(folder)
        try:
            (folder / SAMPLES).unlink(missing_ok=True)  # of a start that was killed
            info = info_of(settings.kind)
            begun = open_source(settings, folder, info)
            samples = Samples(folder, begun, write=True)
            write_settings(folder, settings, draw_audit(settings, len(samples.all)))
            return cls(folder, lock, begun=(info, begun, samples))
        except BaseException:
            lock.close()
            if not was_there and not (folder / SETTINGS).exists():
                discard(folder)
            raise

    @classmethod
    def open(cls, folder: Path, clock: Callable[[], float] = time.monotonic) -> Session:
        """Opens a session to label; one process can.

        Args:
            folder: the session's.
            clock: seconds that never go back, for reservations.

        Raises:
            UsageError: it is no session, or its files can't be used.
            TrialError: another process has it.
        """
        read_settings(folder)  # makes no files in a folder that is none
        lock = held(folder)
        try:
            return cls(folder, lock, clock)
        except BaseException:
            lock.close()
            raise

    @classmethod
    def read(cls, folder: Path) -> Session:
        """A look at a session as it is now; writes nothing, and needs no lock.

        Raises:
            UsageError: it is no session, or its files can't be used.
        """
        return cls(folder, None)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Writes ``labels.csv`` and lets go of the session."""
        with self._threads:
            if self._lock is None:
                return
            self.write_table()
            self._journal.close()
            self._lock.close()
            self._lock = None

    # -- what is said ------------------------------------------------------------------------------------

    def post(self, fields: Mapping[str, Any], by: str) -> Event:
        """Takes an event, which is on disk when it returns.

        Args:
            fields: ``event`` and what belongs to it, as in `alframe.labelling.events.Event`; ``sample`` is an
                id or a position. A ``client`` id that this person has sent before gives the earlier event.
            by: who says it.

        Raises:
            UsageError: an unknown event, sample or class, or a value that can't be.
            JournalFullError: the disk is full; nothing is written.
            JournalError: it can't be written.
        """
        with self._threads:
            if (known := self._known(fields.get("client"), by)) is not None:
                return known
            if fields.get("event") == "undo":
                new = self._undo_fields(fields, by)
            else:
                new = checked(fields, by, self._samples, self._state)
            return self._write([new])[0]

    def undo(self, by: str, client: str | None = None) -> Event:
        """Takes back what somebody said last: label, skip, unsure, adjudication; the sample is theirs again.

        Raises:
            UsageError: there is nothing to undo.
            JournalFullError: the disk is full; nothing is written.
            JournalError: it can't be written.
        """
        return self.post({"event": "undo", "client": client}, by)

    def take(self, rows: Sequence[Mapping[str, Any]]) -> list[Event]:
        """Takes many answers at once, as of an import: all of them or none; new classes before them.

        Args:
            rows: as `post` takes them, each with ``by``; with a ``client`` that is known a row is left out.

        Raises:
            UsageError: as `post`, of the first row that can't be.
            JournalFullError: the disk is full.
            JournalError: they can't be written.
        """
        with self._threads:
            done, new = [], []
            for row in rows:
                if str(row.get("event")).startswith("class-"):
                    done.append(self.post(row, row["by"]))
            for row in rows:
                is_known = self._known(row.get("client"), row["by"]) is not None
                if row.get("event") in UNDOABLE and not is_known:
                    new.append(checked(row, row["by"], self._samples, self._state))
            return done + (self._write(new) if new else [])

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Calls ``listener`` with each event from now on, when it is on disk."""
        self._listeners.append(listener)

    # -- what it amounts to ------------------------------------------------------------------------------

    @property
    def classes(self) -> list[ClassInfo]:
        """The classes as they are now, in order."""
        with self._threads:
            return self._state.classes.infos()

    @property
    def samples(self) -> Sequence[Sample]:
        """The samples by position."""
        return self._samples.all

    @property
    def events(self) -> Sequence[Event]:
        """The journal so far."""
        return self._journal.events

    def position_of(self, name: str) -> int | None:
        """Position of the sample of this id; None where there is none."""
        return self._samples.position(name)

    def labels(self) -> dict[int, Labelled]:
        """The settled label of each position that has one; disagreements have none until adjudicated."""
        with self._threads:
            return self._state.labels

    def skipped(self) -> set[int]:
        """Positions that were skipped."""
        with self._threads:
            return set(self._state.skipped)

    def unsure(self) -> set[int]:
        """Positions of which somebody was not sure."""
        with self._threads:
            return set(self._state.unsure)

    def disagreements(self) -> list[Disagreement]:
        """The samples that people label differently and nobody has adjudicated, by position."""
        with self._threads:
            return self._state.disagreements()

    def votes(self, position: int) -> dict[str, str]:
        """The class that each person gives a sample."""
        with self._threads:
            return self._state.votes(position)

    def training(self) -> tuple[list[int], list[int]]:
        """Positions with a label, and the places of their classes; without audit and missing samples."""
        with self._threads:
            apart, samples = set(self.audit), self._samples.all
            found = [
                (position, index)
                for position, index in self._state.numbers.items()
                if position not in apart and not samples[position].missing
            ]
        return [position for position, _ in found], [index for _, index in found]

    def audited(self) -> dict[int, int]:
        """Of each audit sample with a label the place of its class in `classes`."""
        with self._threads:
            numbers = self._state.numbers
        return {position: numbers[position] for position in self.audit if position in numbers}

    def agreement(self) -> Any:
        """How far people agree on the samples that two see, an `Agreement`; None where there is none yet."""
        with self._threads:
            shared = {p for p in self._state.answered if self._is_shared(p)}
            return agreement(self._state.votes(p) for p in sorted(shared))

    def progress(self) -> dict[str, Any]:
        """Numbers for people: what is done, by whom, how fast."""
        with self._threads:
            found = progress(self._state, self._samples.all, self.audit, self.settings.audit)
            together = self.agreement() if self.settings.overlap else None
            return found | {
                "per_minute": pace(reversed(self._journal.events)),
                "agreement": dataclasses.asdict(together) if together else None,
            }

    # -- what comes next ---------------------------------------------------------------------------------

    def next_for(
        self, person: str, picks: Sequence[int], count: int, audit_picks: Sequence[int] = ()
    ) -> list[int]:
        """Samples for a person, held for them for ten minutes; those that they have already come first.

        Args:
            person: who asks.
            picks: positions in the model's order; () for a random order.
            count: how many, at most.
            audit_picks: audit samples in the order in which they are to come; () for the order of the draw.
        """
        with self._threads:
            return self._queue.next_for(person, picks, count, audit_picks)

    def release(self, position: int, person: str) -> None:
        """Lets go of a sample that a person has and won't answer."""
        with self._threads:
            self._reservations.release(position, person)

    # -- what is shown -----------------------------------------------------------------------------------

    @property
    def learns(self) -> bool:
        """Whether a model is wanted, and can learn the samples."""
        return self.settings.model != "none" and (self.info is None or self.info.is_learnable)

    @property
    def shown_as(self) -> str:
        """What samples are to a page: "images", "sounds" or "texts"."""
        return self.info.shown_as if self.info else TEXTS

    def content(self, position: int) -> SourceContent:
        """A sample, to be shown.

        Raises:
            UsageError: there is no such sample, it is gone, or it leads out of the source's folder.
        """
        if self.source is None:
            raise UsageError(f"{self.settings.source} is not there")
        return self.source.content(self._sample(position).id)

    def thumbnail(self, position: int, size: int) -> bytes:
        """A JPEG of an image, at most ``size`` a side, turned as its EXIF mark says.

        Raises:
            UsageError: as `content`, or it is no image that can be shown; the message names it.
        """
        content = self.content(position)
        if content.path is None:
            raise UsageError(f"{self._sample(position).id} is no image")
        return self._thumbnails.get(content.path, self._sample(position).id, size)

    def write_table(self) -> None:
        """Writes ``labels.csv``, made of the journal; where that can't be, it waits for the next time."""
        with self._threads, contextlib.suppress(OSError):
            samples = self._samples.all
            rows = [
                (samples[position].id, label.label, label.by, label.at)
                for position, label in sorted(self._state.labels.items())
            ]
            write_table(self.folder / TABLE, COLUMNS, rows)
            self._since_table = 0

    # -- inside ------------------------------------------------------------------------------------------

    def _sample(self, position: int) -> Sample:
        if not 0 <= position < len(self._samples.all):
            raise UsageError(f"there is no sample {position}; there are {len(self._samples.all):,}, from 0")
        return self._samples.all[position]

    def _replay(self) -> None:
        wrong = []
        for event in self._journal.events:
            if problem := self._state.apply(event):
                wrong.append(f"event {event.n} is left out: {problem}")
            if event.client is not None:
                self._clients[event.by, event.client] = event
        self.notes += wrong[:NAMED]
        if len(wrong) > NAMED:
            self.notes.append(f"{len(wrong) - NAMED:,} more events are left out")

    def _known(self, client: Any, by: str) -> Event | None:
        return self._clients.get((by, client)) if isinstance(client, str) else None

    def _undo_fields(self, fields: Mapping[str, Any], by: str) -> dict[str, Any]:
        last = self._state.last_of(by)
        of = fields.get("of") or last
        if of is None:
            raise UsageError(f"{by} has nothing to undo")
        if of != last:
            raise UsageError(f"event {of} is not what {by} did last; only that can be undone")
        new = checked(fields, by, self._samples, self._state)
        return new | {"of": of}

    def _write(self, rows: Sequence[Mapping[str, Any]]) -> list[Event]:
        if self._lock is None:
            raise UsageError(f"{self.folder} is open to be read only")
        try:
            events = self._journal.extend(rows)
        except NotAnEventError as error:
            raise UsageError(str(error)) from error
        for event in events:
            self._state.apply(event)
            if event.client is not None:
                self._clients[event.by, event.client] = event
            self._after(event)
        self._since_table += len(events)
        if self._since_table >= max(TABLE_EVERY, self._state.labelled // TABLE_EVERY):
            self.write_table()
        return events

    def _after(self, event: Event) -> None:
        if event.event in UNDOABLE:
            self._reservations.release(self._samples.position(event.sample) or 0, event.by)
        elif event.event == "undo":
            undone = next(past for past in reversed(self._journal.events) if past.n == event.of)
            if (position := self._samples.position(undone.sample)) is not None:
                self._reservations.hold(position, event.by, first=True)
            self._queue.again()
        for listener in self._listeners:
            listener(event)
