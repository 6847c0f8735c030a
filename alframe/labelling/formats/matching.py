"""Which sample a file means: by its whole path, by the end of it, or by its name."""

from __future__ import annotations

import hashlib
import re
import unicodedata
import urllib.parse
from typing import TYPE_CHECKING

from alframe.contract.labelling import TEXTS

if TYPE_CHECKING:
    from alframe.labelling.session import Session

UNKNOWN = "of no sample here"
AMBIGUOUS = "of several samples"
UPLOADED = re.compile(r"[0-9a-f]{8}-")  # what Label Studio puts before the name of an uploaded file
DIGESTED = 1 << 16


class Matcher:
    """Finds samples of a session by what other programs call them.

    Args:
        session: whose.
    """

    def __init__(self, session: Session) -> None:
        self._is_text = session.shown_as == TEXTS
        self._ids = {_composed(sample.id): sample.position for sample in session.samples}
        self._parts = [tuple(_composed(sample.id).split("/")) for sample in session.samples]
        self._names: dict[str, list[int]] = {}
        self._digests: dict[str, list[int]] = {}
        for sample, parts in zip(session.samples, self._parts, strict=True):
            self._names.setdefault(parts[-1], []).append(sample.position)
            self._digests.setdefault(sample.digest, []).append(sample.position)
        self._session = session

    def find(self, reference: str) -> tuple[int | None, str]:
        """Looks for a sample.

        Args:
            reference: its id, a path or an address that ends with it, its file's name, or a text itself.

        Returns:
            Its position; or None, and why.
        """
        found = self._session.position_of(reference)
        if found is None:
            found = self._ids.get(_composed(reference))
        if found is not None:
            return found, ""
        rows = self._by_text(reference) if self._is_text else self._by_path(reference)
        if len(rows) == 1:
            return rows[0], ""
        return None, AMBIGUOUS if rows else UNKNOWN

    def by_digest(self, digest: str, size: int) -> list[int]:
        """Samples of this content."""
        rows = self._digests.get(digest, []) if digest else []
        return [row for row in rows if self._session.samples[row].size == size]

    def _by_text(self, reference: str) -> list[int]:
        content = reference.encode("utf-8", "replace")
        return self.by_digest(hashlib.sha256(content[:DIGESTED]).hexdigest(), len(content))

    def _by_path(self, reference: str) -> list[int]:
        parts = path_of(reference)
        if not parts:
            return []
        rows = self._with_end(parts)
        stripped = UPLOADED.sub("", parts[-1], count=1)
        if not rows and UPLOADED.match(parts[-1]):
            rows = self._with_end((*parts[:-1], stripped))
        return rows

    def _with_end(self, parts: tuple[str, ...]) -> list[int]:
        named = self._names.get(parts[-1], [])
        whole = [row for row in named if _ends(parts, self._parts[row])]
        if whole:
            longest = max(len(self._parts[row]) for row in whole)
            return [row for row in whole if len(self._parts[row]) == longest]
        return [row for row in named if _ends(self._parts[row], parts)] or named


def path_of(reference: str) -> tuple[str, ...]:
    """The parts of a path or address, as of ``/data/local-files/?d=photos/1.jpg``."""
    text = _composed(reference)
    if "?d=" in text:
        text = urllib.parse.unquote(text.partition("?d=")[2].partition("&")[0])
    elif "://" in text or text.startswith("/data/"):
        text = urllib.parse.unquote(text.partition("?")[0])
    return tuple(part for part in text.replace("\\", "/").split("/") if part not in ("", "."))


def _ends(whole: tuple[str, ...], end: tuple[str, ...]) -> bool:
    return whole[len(whole) - len(end) :] == end if len(end) <= len(whole) else False


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
