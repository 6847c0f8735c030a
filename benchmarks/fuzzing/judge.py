"""What is wrong with how a case ended, in one of a few words."""

from __future__ import annotations

import dataclasses
import re
import unicodedata

from fuzzing.attempt import MEMORY, Ended
from fuzzing.case import Case

VERDICTS = {  # in the order of the table
    "traceback": "traceback",
    "hang": "hang",
    "code": "wrong exit",
    "message": "bad message",
    "answer": "wrong answer",
    "elsewhere": "written elsewhere",
    "run": "code run",
    "memory": "memory",
    "crash": "crash",
}
FRAME = re.compile(r'File "([^"]+)", line (\d+), in (\S+)')
WARNING = re.compile(r"^\S+\.py:\d+: (\w*Warning): (.*)$", re.MULTILINE)
PRINTED = "spoils \x1b[31m"  # what plugins print of their own
GIT = re.compile(r"subprocess\.Popen \('git'")


def judge(case: Case, ended: Ended) -> list[tuple[str, str]]:
    """All that is wrong: pairs of a verdict and what tells kinds of it apart."""
    found = list(_safety(case, ended))
    if ended.how == "hang":
        return [*found, ("hang", _command(case))]
    if ended.how == "signal":
        return [*found, ("crash", f"signal {ended.code}")]
    if ended.how == "vanished":
        return [*found, ("crash", f"the process ended itself with {ended.code}")]
    if ended.wrong:
        return [*found, ("answer", ended.wrong)]
    if "Traceback (most recent call last)" in ended.errors + ended.output:
        return [*found, ("traceback", _place(ended.errors + ended.output))]
    if ended.code not in case.codes:
        found.append(("code", f"{ended.code}: {_shape(_last(ended.errors))}"))
    if case.call is None or ended.code:
        found += [("message", what) for what in _messages(case, ended)]
    return found


def _safety(case: Case, ended: Ended) -> list[tuple[str, str]]:
    found = []
    if ended.marked:
        found.append(("run", "a payload ran"))
    others = [program for program in ended.spawned if not GIT.match(program)]
    if others and not case.spawns:
        found.append(("run", f"started {others[0][:80]}"))
    if ended.elsewhere:
        found.append(("elsewhere", _shape(ended.elsewhere[0])))
    if ended.memory > MEMORY:
        found.append(("memory", f"more than {MEMORY >> 20} MiB"))
    return found


def _messages(case: Case, ended: Ended) -> list[str]:
    found = []
    errors = ended.errors.replace(PRINTED + "\n", "").replace(PRINTED, "").replace("spoils", "")
    ended = dataclasses.replace(ended, errors=errors)
    lines = ended.errors.splitlines()
    told = [line for line in lines if re.match(r"(error|Error): \S|interrupted", line)]
    doctor = "doctor" in (case.args or ())  # says what is wrong in its table
    if ended.code and not told and case.output in ("file", "full") and not doctor:
        found.append(f"exit {ended.code} without an error")
    if (
        not ended.code
        and not (ended.output + ended.errors).strip()
        and not case.silent
        and case.output == "file"
    ):
        found.append("exit 0 without a word")
    if ended.code and told:
        after = lines[lines.index(told[-1]) + 1 :]
        if after and not told[-1].startswith("interrupted"):
            found.append(f"a message of several lines: {_shape(told[-1])}")
        if len(told[-1]) > 2000:
            found.append(f"a message of more than 2,000 characters: {_shape(told[-1])[:40]}")
    raw = [c for c in ended.output + ended.errors if unicodedata.category(c) == "Cc" and c not in "\n\t"]
    if raw:
        where = next((line for line in lines if any(c in line for c in raw)), "standard output")
        found.append(f"a raw control character: {_shape(where)}")
    for kind, text in WARNING.findall(ended.errors):
        if kind != "AlframeWarning":
            found.append(f"{kind} of Python: {text[:80]}")
    return found


def _place(text: str) -> str:
    """The last frame of ours, and the exception."""
    shown = text[text.rindex("Traceback (most recent call last)") :]
    frames = [frame for frame in FRAME.findall(shown) if "/fuzzing/" not in frame[0]]
    ours = [
        f
        for f in frames
        if re.search(r"/(alframe|alframe_cli|plugins|alframe_\w+)/", f[0]) and "site-packages" not in f[0]
    ]
    path, line, name = (ours or frames or [("?", "0", "?")])[-1]
    kind = next(
        (
            row
            for row in shown.splitlines()
            if re.match(r"\w[\w.]*(:|$)", row) and not row.startswith("Trace")
        ),
        "?",
    )
    short = re.sub(r"^.*/(?=(alframe|alframe_cli|plugins)/)", "", path)
    return f"{short}:{line} {name}: {_shape(kind)}"


def _last(errors: str) -> str:
    lines = [line for line in errors.splitlines() if line.strip()]
    return next(
        (line for line in reversed(lines) if line.lower().startswith("error")),
        lines[-1] if lines else "nothing said",
    )


def _shape(text: str) -> str:
    """A message without what differs from case to case."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "'...'", text)
    text = re.sub(r"/\S+|\d[\d,.]*", "#", text)
    return "".join(c if c.isprintable() else "^" for c in text)[:110]


def _command(case: Case) -> str:
    return case.args[0] if case.args else case.shown[:40]
