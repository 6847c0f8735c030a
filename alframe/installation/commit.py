"""The commit of the user's repository, read without running what the repository says.

Git obeys the configuration of the folder that it is asked in, which may name commands. So the commit is read
from the files here; and whether files differ from it is asked of git with a configuration of our own.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import tempfile
from pathlib import Path

SECONDS = 5  # git may be slow on a network's disk; then it is not known whether files differ
LARGEST = 1 << 26  # bytes of a file of git that is read; packed-refs of large projects have some millions
ELSEWHERE = "gitdir: "
LINKS = 5  # names that may lead to each other
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
REFERENCE = re.compile(r"ref: (refs(?:/(?!\.)[^/\x00-\x20\x7f~^:?*\[\\]+)+)")


def commit_of(folder: Path) -> str | None:
    """The commit that is checked out where ``folder`` is, marked where files differ from it.

    Args:
        folder: inside the repository, or not.

    Returns:
        The commit, followed by " and changes" where files that git knows differ from it, or by ", changes
        unknown" where git can't be asked; None where there is no repository or no commit in it.
    """
    try:
        for top in (folder, *folder.parents):
            if (top / ".git").exists():
                return _described(top)
    except (OSError, ValueError):
        pass
    return None


def _described(top: Path) -> str | None:
    own = top / ".git"
    if not own.is_dir():  # of a working tree beside another, or of a submodule: it says where
        said = _text(own)
        if not said.startswith(ELSEWHERE):
            return None
        own = top / said.removeprefix(ELSEWHERE)
    common = own / _text(own / "commondir") if (own / "commondir").exists() else own
    commit = _commit(own, common)
    if commit is None:
        return None
    changed = _is_changed(top, commit, own / "index", common / "objects")
    return commit + {True: " and changes", False: "", None: ", changes unknown"}[changed]


def _text(path: Path) -> str:
    """A file's content; "" of what is none, such as a pipe that nobody writes to."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
        return ""
    return path.read_text(encoding="utf-8", errors="surrogateescape").strip()


def _commit(own: Path, common: Path) -> str | None:
    """What ``HEAD`` leads to; None where there is no commit yet, or names are kept in a newer way."""
    said = _text(own / "HEAD")
    for _ in range(LINKS):
        if COMMIT.fullmatch(said):
            return said
        if not (reference := REFERENCE.fullmatch(said)):
            return None
        name = reference[1]
        loose = next((path for path in (own / name, common / name) if path.is_file()), None)
        said = _packed(common, name) if loose is None else _text(loose)
    return None


def _packed(common: Path, name: str) -> str:
    packed = common / "packed-refs"
    lines = _text(packed).splitlines() if packed.exists() else []
    return next((commit for commit, _, named in (line.partition(" ") for line in lines) if named == name), "")


def _is_changed(top: Path, commit: str, index: Path, objects: Path) -> bool | None:
    """Whether files that git knows differ from a commit; None where git can't say.

    Git is given a folder with nothing in it but the commit: no filter, hook or monitor of files is named
    there. Submodules are left out, as each has a configuration of its own.
    """
    with tempfile.TemporaryDirectory(prefix="alframe-") as temporary:
        folder = Path(temporary)
        for name in ("objects", "refs"):
            (folder / name).mkdir()
        (folder / "HEAD").write_text(commit + "\n")
        kind = "" if len(commit) == 40 else "[extensions]\nobjectFormat = sha256\n"
        # Which files may be executed is not kept on every disk; git asks the repository's configuration.
        settings = "[core]\nrepositoryFormatVersion = 1\nbare = false\nfileMode = false\n"
        (folder / "config").write_text(settings + kind)
        variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "GIT_DIR": temporary,
            "GIT_WORK_TREE": str(top),
            "GIT_INDEX_FILE": str(index.resolve()),
            "GIT_OBJECT_DIRECTORY": str(objects.resolve()),
            "GIT_CONFIG_NOSYSTEM": "1",
            "HOME": temporary,
            "XDG_CONFIG_HOME": temporary,
            "GIT_OPTIONAL_LOCKS": "0",  # nothing is written
            "GIT_TERMINAL_PROMPT": "0",
        }
        command = ["git", "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all"]
        try:
            found = subprocess.run(
                command,
                cwd=temporary,  # where a PATH with "." in it finds no git of the folder's
                env=variables,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
    return bool(found.stdout.strip())
