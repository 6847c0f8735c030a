"""``demo``: a comparison, a query and a labelled folder, each by the command that makes it."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import click

from alframe.errors import UsageError
from alframe_cli.plain_text import echo

FOLDER = "alframe-demo"
ABOUT = "alframe-demo.txt"  # says whose the folder is, and has the commands
STRATEGIES, SEEDS, START, STEP, ROUNDS = "random,margin,badge", "1-10", 20, 20, 8
KNOWN, PICKS = 50, 10  # of the query
SESSION, LABELS = "digits.alframe", 100


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=FOLDER)
@click.option(
    "--label", "by_hand", is_flag=True, help="Open the pictures in the browser at the end, to label the rest."
)
@click.pass_context
def demo(context: click.Context, folder: Path, by_hand: bool) -> int:
    """Show what alframe does, in about a minute: compare strategies, query your arrays, label a folder.

    Everything is made of scikit-learn's digits and written into FOLDER; nothing is downloaded. Each step
    prints the command that does it, and then does it. The same command goes on where it was stopped.

    \b
    alframe demo
    alframe demo /tmp/alframe-demo --label
    """  # noqa: D301 - click's mark that keeps lines apart is the character itself
    folder = folder.absolute() if str(folder).startswith("-") else folder
    try:
        return _demo(context, folder, by_hand)
    except KeyboardInterrupt as stop:
        raise click.Abort("the same command goes on where this one stopped") from stop


def _demo(context: click.Context, folder: Path, by_hand: bool) -> int:
    run, compare, by_probs, query, label, export, open_ = commands(folder)
    _take(folder)

    _say(
        "1. Which strategy is worth its cost? Three of them choose which digits are labelled, ten times "
        "each. A network learns after every 20 labels."
    )
    if code := _do(context, run):
        return code
    _say("What do these runs show? As tables, verdicts, and a page for the browser.")
    if code := _do(context, compare):
        return code

    _say(
        f"2. You have a model of your own? A logistic regression knows {KNOWN} digits. Its probabilities of "
        "the others are enough to say which of them are worth a label next."
    )
    _write_pool(folder)
    if code := _do(context, by_probs):
        return code
    _say("With features and weights, choices can also be unlike each other.")
    if code := _do(context, query):
        return code
    _say(
        f'In Python that is alframe.query("badge", features=X, head=model, n={PICKS}). The model may be one '
        "of scikit-learn, XGBoost and others: the page `my model is ...` of the guide."
    )

    _say(
        "3. You have pictures and no labels? `alframe label` shows them in the browser. Here a simulated "
        "person presses the keys, while a network learns beside and chooses what comes next."
    )
    able = _can_label()
    if able:
        _do(context, label)
        if _labels(folder) < LABELS:  # the server of a session ends in good order at Ctrl-C
            raise KeyboardInterrupt
        _do(context, export)
        if by_hand:
            _do(context, open_)
    _what_next(folder, able)
    return 0


def commands(folder: Path) -> list[list[str]]:
    """The commands of a demo in order, each as words: run, compare, two queries, label, export, open."""
    session = str(folder / SESSION)
    learner = ["--strategy=margin", "--model=mlp"]
    run = [f"--strategy={STRATEGIES}", f"--seeds={SEEDS}", f"--initial-size={START}", f"--query-size={STEP}"]
    return [
        ["run", *run, f"--rounds={ROUNDS}", f"--out={folder / 'runs'}"],
        ["compare", str(folder / "runs"), f"--html={folder / 'comparison.html'}"],
        ["query", "--strategy=margin", "-n", str(PICKS), f"--probs={folder / 'probs.npy'}"],
        ["query", "--strategy=badge", "-n", str(PICKS), str(folder / "pool.npz")],
        ["label", "simulate", "digits", f"--labels={LABELS}", *learner, f"--session={session}"],
        ["label", "export", session, "--to=csv"],
        ["label", session],
    ]


def _say(text: str) -> None:
    echo()
    echo(textwrap.fill(text, 78, break_long_words=False, break_on_hyphens=False))


def _do(context: click.Context, words: Sequence[str]) -> int:
    """Prints a command and runs it, by the words that it prints; its exit code."""
    group = context.find_root().command
    assert isinstance(group, click.Group)
    echo(f"\n    {shlex.join(['alframe', *words])}\n")
    command = group.get_command(context, words[0])
    assert command is not None
    with command.make_context(words[0], list(words[1:]), parent=context.find_root()) as own:
        code = command.invoke(own)
    return code if isinstance(code, int) else 0


def _take(folder: Path) -> None:
    """Makes the folder, or goes on in that of an earlier demo.

    Raises:
        UsageError: there is something else, or it can't be written to.
    """
    from alframe.records.writing import replace, unwritable

    about = folder / ABOUT
    try:
        if folder.exists() and not about.is_file() and not _is_empty(folder):
            raise UsageError(f"{folder} is there already, and no demo's: name a folder that is new or empty")
        folder.mkdir(parents=True, exist_ok=True)
        lines = "\n".join(shlex.join(["alframe", *words]) for words in commands(folder))
        text = f"Made by `alframe demo`; may be deleted. These are its commands:\n\n{lines}\n"
        replace(about, lambda file: file.write(text.encode()))
    except OSError as error:
        raise unwritable(folder, error) from error


def _is_empty(folder: Path) -> bool:
    """Whether nothing is in a folder but what a demo left that was killed at its start."""
    return folder.is_dir() and {path.name for path in folder.iterdir()} <= {f"{ABOUT}.tmp"}


def _write_pool(folder: Path) -> None:
    """Arrays such as a user has: probabilities; and features, a linear model, and what is labelled."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    from alframe.learning.loading import load_dataset
    from alframe.records.writing import replace, unwritable

    digits = load_dataset("digits")
    X, y = digits.inputs.reshape(len(digits.inputs), -1).numpy(), digits.targets.numpy()
    model = LogisticRegression(max_iter=1000).fit(X[:KNOWN], y[:KNOWN])
    arrays: dict[str, Any] = {"features": X[KNOWN:], "weight": model.coef_, "bias": model.intercept_}
    arrays |= {"labelled_features": X[:KNOWN], "labelled_targets": y[:KNOWN]}

    def write(file: IO[bytes]) -> None:
        np.savez(file, **arrays)

    try:
        replace(folder / "probs.npy", lambda file: np.save(file, model.predict_proba(X[KNOWN:])))
        replace(folder / "pool.npz", write)
    except OSError as error:
        raise unwritable(folder, error) from error


def _can_label() -> bool:
    """Whether what labelling needs is installed; says what is not."""
    from alframe_cli.label import needs_extra

    try:
        needs_extra()
    except UsageError as error:
        echo(f"\nleft out: {error}")
        return False
    return True


def _labels(folder: Path) -> int:
    from alframe.labelling.session import Session

    return len(Session.read(folder / SESSION).labels())


def _what_next(folder: Path, labelled: bool) -> None:
    page = (folder / "comparison.html").absolute().as_uri()
    session, labels = shlex.quote(str(folder / SESSION)), folder / "digits-labels.csv"
    lines = [f"the comparison, for the browser: {page}", f"all commands, to copy: {folder / ABOUT}"]
    if labelled:
        lines.append(f"the labels: {labels}")
        lines.append(f"label the rest by hand: alframe label {session}")
    lines.append("your own data, strategies and options: alframe list-strategies, alframe show badge")
    _say("What next?")
    for line in lines:
        echo(f"- {line}")
