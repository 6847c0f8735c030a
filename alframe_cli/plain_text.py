"""What is printed: signs that can be seen, and nothing that a terminal obeys.

Names come from files, folders and plugins. An escape sequence in one of them would clear the screen, set the
window's title or hide what is said; marks that turn the direction of writing make a text read as another.
"""

from __future__ import annotations

import io
import re
import traceback

import click

# Control characters but for tab and new line; U+2028 and U+2029 end lines; the others change the direction;
# surrogates stand for bytes of a file's name that are no text, and can't be written.
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


LONGEST = 1500  # letters of a line; a path has a thousand at most


def plain(text: str) -> str:
    r"""A text with what a terminal would obey written as JSON and TOML write it.

    Example:
        >>> plain("a\x1b[2Jb")
        'a\\u001b[2Jb'
    """
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def plain_line(text: str) -> str:
    """The same in one line that can be read, whatever a name in it holds."""
    line = plain(text).replace("\n", "\\n")
    left_out = len(line) - LONGEST
    return (
        line
        if left_out <= 0
        else f"{line[: LONGEST // 2]} ... ({left_out:,} letters) ... {line[-LONGEST // 2 :]}"
    )


def echo(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Prints a text, and on standard error a line: all printing but that of tables goes through here.

    Args:
        text: what is said.
        err: whether on standard error.
        nl: whether the line ends.
    """
    click.echo(plain_line(text) if err else plain(text), err=err, nl=nl)


def print_traceback(error: BaseException) -> None:
    """Prints where an error comes from, on standard error."""
    click.echo(plain("".join(traceback.format_exception(error))), err=True, nl=False)


def print_usage_error(error: click.ClickException) -> None:
    """Prints what click found wrong with the command, on standard error."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # the help of a command without arguments
        for line in error.format_message().split("\n"):
            echo(line, err=True)
        return
    text, message = io.StringIO(), plain_line(error.format_message())
    error.format_message = lambda: message  # type: ignore[method-assign]
    error.show(text)
    for line in text.getvalue().removesuffix("\n").split("\n"):
        echo(line, err=True)
