"""Image files in a folder, at any depth, each by its path below it."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from pathlib import Path

from alframe.contract.labelling import SourceContent, SourceItem
from alframe.errors import UsageError

MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
    ".avif": "image/avif",
    ".ppm": "image/x-portable-pixmap",
    ".pgm": "image/x-portable-graymap",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
}
NOT_IN_BROWSERS = (".ppm", ".pgm", ".tif", ".tiff")
# What systems and programs leave behind, beside all that begins with a dot.
LEFT_BEHIND = {"__macosx", "@eadir", "#recycle", "@recycle", "$recycle.bin", "lost+found", "__pycache__"}
DIGESTED = 1 << 16  # bytes
NAMED = 5


class ImageFiles:
    """The images in a folder and the folders in it.

    Links to folders are not followed, and of links to files only those that stay within the folder: what a
    page shows is in the folder, whatever somebody has put there.

    Args:
        root: the folder.
        session: the session's own folder, which may lie in it.

    Raises:
        UsageError: there is no such folder, or it can't be read.
    """

    def __init__(self, root: Path, session: Path) -> None:
        if not root.is_dir():
            raise UsageError(f"there is no folder {root}")
        self._root = root.resolve()
        self._prefix = f"{self._root}{os.sep}"
        self._session = session.resolve()
        self._odd: dict[str, str] = {}  # where the id is not the path: names that are no text
        self._left_out: dict[str, list[str]] = {}
        self._others: Counter[str] = Counter()
        self._is_empty = False

    @property
    def notes(self) -> list[str]:
        """What `items` left out."""
        notes = []
        for problem, names in self._left_out.items():
            more = f", ... ({len(names):,} in all)" if len(names) > NAMED else ""
            notes.append(f"{self._root.name}: {problem}: {', '.join(names[:NAMED])}{more}")
        if self._others:
            counts = ", ".join(f"{suffix} {count:,}" for suffix, count in self._others.most_common(NAMED))
            notes.append(f"{self._root.name}: files that are no images are left out: {counts}")
        if self._is_empty and not notes:
            notes.append(f"{self._root.name} has no images ({', '.join(MEDIA_TYPES)})")
        return notes

    def items(self) -> list[SourceItem]:
        """The images by path, folder by folder.

        Raises:
            UsageError: the folder can't be read.
        """
        self._odd, self._left_out, self._others = {}, {}, Counter()
        found: dict[str, SourceItem] = {}
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            for entry in self._entries(folder):
                path = folder + entry.name
                if entry.name.startswith(".") or entry.name.lower() in LEFT_BEHIND:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if not self._is_session(entry):
                        waiting.append(path + "/")
                elif (item := self._item(path, entry)) is not None:
                    if item.id in found:
                        self._leave_out("two files that would be called the same", item.id)
                    found.setdefault(item.id, item)
        self._is_empty = not found
        return sorted(found.values(), key=lambda item: item.id.split("/"))

    def digest(self, item: str) -> str:
        """SHA-256 of the first 64 KB; "" where they can't be read."""
        try:
            try:
                with open(self._prefix + self._odd.get(item, item), "rb", opener=_not_through_links) as file:
                    return hashlib.sha256(file.read(DIGESTED)).hexdigest()
            except OSError:  # a link, which may stay within the folder
                with open(self._path(item), "rb") as file:
                    return hashlib.sha256(file.read(DIGESTED)).hexdigest()
        except (OSError, UsageError):
            return ""

    def content(self, item: str) -> SourceContent:
        """The file, when it still is one within the folder.

        Raises:
            UsageError: it is gone, or leads out of the folder.
        """
        path = self._path(item)
        suffix = path.suffix.lower() if item.endswith(path.suffix) else os.path.splitext(item)[1].lower()
        kind = MEDIA_TYPES.get(suffix, "application/octet-stream")
        return SourceContent(path, None, kind, in_browser=suffix not in NOT_IN_BROWSERS)

    def _path(self, item: str) -> Path:
        """The file that an id leads to, links resolved."""
        path = self._root / self._odd.get(item, item)
        try:
            real = path.resolve(strict=True)
            is_file = stat.S_ISREG(real.stat().st_mode)  # a pipe would be waited for
        except (OSError, RuntimeError, ValueError) as error:
            raise UsageError(f"{item}: the file is gone") from error
        if not real.is_relative_to(self._root):
            raise UsageError(f"{item} leads out of the folder {self._root}; it is not shown")
        if not is_file:
            raise UsageError(f"{item} is no file")
        return real

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._root / folder) as opened:
                return list(opened)
        except OSError as error:
            if not folder:
                raise UsageError(f"{self._root} can't be read: {error.strerror}") from error
            self._leave_out("folders that can't be read", folder)
            return []

    def _item(self, path: str, entry: os.DirEntry[str]) -> SourceItem | None:
        suffix = os.path.splitext(entry.name)[1].lower()
        name = _as_text(path)
        if entry.is_symlink():
            target = Path(os.path.realpath(self._root / path))  # of a circle, too
            if target.is_dir():
                return self._leave_out("links to folders are not followed", name)
            if suffix in MEDIA_TYPES and not target.is_relative_to(self._root):
                return self._leave_out("links that lead out of the folder are left out", name)
        if suffix not in MEDIA_TYPES:
            self._others[suffix or "without a suffix"] += 1
            return None
        try:
            state = entry.stat()
        except OSError:
            return self._leave_out("links to nothing, and files that can't be looked at", name)
        if not stat.S_ISREG(state.st_mode):
            return self._leave_out("pipes and devices", name)
        if name != path:
            self._odd[name] = path
        return SourceItem(name, state.st_size)

    def _leave_out(self, problem: str, name: str) -> SourceItem | None:
        self._left_out.setdefault(problem, []).append(name)
        return None

    def _is_session(self, entry: os.DirEntry[str]) -> bool:
        return entry.name.endswith(".alframe") or Path(entry.path) == self._session


def _not_through_links(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def _as_text(path: str) -> str:
    """A path of any bytes as text; what is no UTF-8 as a backslash, x and two digits."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
