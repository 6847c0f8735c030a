"""Kinds of sources that plugins offer, with whatever they get wrong named."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from alframe.contract.labelling import TEXTS, Source, SourceContent, SourceInfo, SourceItem, SourceRequest
from alframe.errors import PluginError, UsageError
from alframe.labelling.image_files import DIGESTED
from alframe.registry.blame import blamed
from alframe.registry.offers import SOURCES, Offer, conflict
from alframe.registry.registry import installed

MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; *[\w-]+=[\w.-]+)*", re.ASCII)


class NotShownError(PluginError, UsageError):
    """A plugin can't show one of its samples: it is passed over, as one that is gone."""


def plugins_info(kind: str) -> SourceInfo:
    """A plugin's kind of source by name, which is checked wherever it is used.

    Raises:
        UsageError: there is no such kind, or two plugins have it.
        PluginError: a plugin failed when asked what it offers.
    """
    offer: Offer[SourceInfo] = installed().offers.named(SOURCES, kind)
    info = offer.value

    def open_(request: SourceRequest) -> Source:
        with blamed(offer, "open"):
            return CheckedSource(offer, info.open(request))

    def features(source: CheckedSource, ids: Sequence[str]) -> Any:
        return source.features(ids)

    return dataclasses.replace(info, open=open_, features=features if info.features else None)


def kind_by_plugins(path: Path) -> str | None:
    """The plugins' kind of source that a path is; None where it is none of theirs.

    Raises:
        UsageError: two say that it is theirs.
        PluginError: none does, and a plugin fails when it is asked.
    """
    offers, failures = installed().offers.tried(SOURCES)
    wrong: list[PluginError] = list(failures)
    found: list[Offer[SourceInfo]] = []
    for offer in offers:
        try:
            with blamed(offer, "matches"):
                if offer.value.matches is not None and offer.value.matches(path):
                    found.append(offer)
        except PluginError as error:
            wrong.append(error)
    if len(found) > 1:
        if len({offer.name for offer in found}) == 1:
            raise conflict("kind of source", found[0].name, [(o.key, o.plugin.provider) for o in found])
        names = " or ".join(f"--kind {offer.name}" for offer in found)
        raise UsageError(f"{path} may be of several kinds: say {names}")
    if not found and wrong:
        raise wrong[0]
    return found[0].name if found else None


class CheckedSource:
    """A plugin's source; what it gives is checked, and what it has not is made up for.

    Args:
        offer: the kind of source.
        source: what its ``open`` made.

    Raises:
        PluginError: it has no `items` or no `content`.
    """

    def __init__(self, offer: Offer[SourceInfo], source: Any) -> None:
        self._offer = offer
        self._source = source
        for name in ("items", "content"):
            if not callable(getattr(source, name, None)):
                raise PluginError(f"wanted a source with items() and content(id), got {source!r}")

    @property
    def notes(self) -> list[str]:
        """What was left out or guessed, a line each."""
        with blamed(self._offer, "notes", alone=False):
            return [str(note) for note in getattr(self._source, "notes", ())]

    def items(self) -> list[SourceItem]:
        """What there is now.

        Raises:
            PluginError: it fails, or gives something else, two of one id, or ids that can't be.
        """
        with blamed(self._offer, "items"):
            found = list(self._source.items())
            seen = set()
            for item in found:
                if not isinstance(item, SourceItem) or not isinstance(item.id, str):
                    raise PluginError(f"wanted a SourceItem with a text as id, got {item!r}")
                if item.id in seen:
                    raise PluginError(f"two samples have the id {item.id!r}")
                if problem := self._wrong_id(item.id):
                    raise PluginError(f"the id {item.id!r} {problem}")
                seen.add(item.id)
        return found

    def digest(self, item: str) -> str:
        """SHA-256 of the content's first 64 KB; "" where it can't be read."""
        with blamed(self._offer, "digest", alone=False):
            if callable(own := getattr(self._source, "digest", None)):
                return str(own(item))
        try:
            content = self.content(item)
            if content.path is None:
                return hashlib.sha256((content.text or "").encode("utf-8", "replace")[:DIGESTED]).hexdigest()
            with content.path.open("rb") as file:
                return hashlib.sha256(file.read(DIGESTED)).hexdigest()
        except (OSError, UsageError):
            return ""

    def content(self, item: str) -> SourceContent:
        """One of them, to be shown.

        Raises:
            UsageError: it is gone, or the plugin fails; then it is a `NotShownError`.
        """
        try:
            with blamed(self._offer, "content", alone=False):
                found = self._source.content(item)
                self._check(found)
        except NotShownError:
            raise
        except PluginError as error:
            raise NotShownError(f"{item} can't be shown: {error}") from error
        if found.path is not None and not found.path.is_file():
            raise UsageError(f"{item}: the file is gone")
        return found

    def features(self, ids: Sequence[str]) -> Any:
        """The rows of numbers that the plugin makes of samples, for the model.

        Args:
            ids: of ``N`` samples.

        Returns:
            An ``N x D`` float32 array.

        Raises:
            PluginError: it fails, or gives something else.
        """
        import numpy as np

        function = self._offer.value.features
        assert function is not None
        with blamed(self._offer, "features"):
            rows = np.asarray(function(self._source, ids))
            if rows.ndim != 2 or len(rows) != len(ids) or not rows.shape[1] or rows.dtype.kind not in "biuf":
                raise PluginError(
                    f"wanted {len(ids):,} rows of numbers, got an array of {rows.dtype}, shape {rows.shape}"
                )
            with np.errstate(over="ignore"):
                return rows.astype(np.float32)

    def _wrong_id(self, name: str) -> str:
        if not name or any(letter in name for letter in "\0\r\n"):
            return "is empty or has line breaks"
        if self._offer.value.shown_as == TEXTS:
            return ""
        path = PurePosixPath(name.replace("\\", "/"))
        return "is no path below the source" if path.is_absolute() or ".." in path.parts else ""

    def _check(self, found: Any) -> None:
        if not isinstance(found, SourceContent):
            raise PluginError(f"wanted a SourceContent, got {found!r:.200}")
        if self._offer.value.shown_as == TEXTS:
            if not isinstance(found.text, str):
                raise PluginError(f"wanted a SourceContent with a text, got {found!r:.200}")
        elif not isinstance(found.path, Path) or found.text is not None:
            raise PluginError(f"wanted a SourceContent with a path and no text, got {found!r:.200}")
        if not MEDIA_TYPE.fullmatch(found.media_type):
            raise PluginError(f"{found.media_type!r} is no media type, as image/png")
