import io
import json
import os
import subprocess
import sys
import threading
import warnings

import pytest

from alframe import AlframeWarning
from alframe_cli import streams
from alframe_cli.main import main

LIST = [sys.executable, "-m", "alframe_cli", "list-models", "--json"]


@pytest.fixture
def encoded(monkeypatch, write_run, tmp_path):
    """Runs ``alframe ARGS`` on standard streams of an encoding; gives exit code and what was written."""

    def run(encoding, *args):
        monkeypatch.chdir(tmp_path)
        raw = io.BytesIO(), io.BytesIO()
        for name, target in zip(("stdout", "stderr"), raw, strict=True):
            monkeypatch.setattr(sys, name, io.TextIOWrapper(target, encoding=encoding, errors="strict"))
        with pytest.raises(SystemExit) as exit_:
            main(list(args))
        # click itself writes UTF-8 where there is ASCII alone
        written = [target.getvalue().decode(encoding, "replace") for target in raw]
        monkeypatch.undo()
        return exit_.value.code, *written

    return run


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_what_an_encoding_does_not_have_is_written_otherwise(encoded, write_run, encoding):
    for seed, accuracy in ((1, 0.5), (2, 0.6)):
        write_run("digits", "s", "größe→★", seed, [accuracy, accuracy])
        write_run("digits", "s", "random", seed, [accuracy, accuracy + 0.1])
    code, out, err = encoded(encoding, "compare", "runs")
    assert code == 0
    assert all(line.startswith("note: ") for line in err.splitlines())
    assert ("+/-" if encoding == "ascii" else "±") in out
    assert ("größe→★" if encoding == "utf-8" else "\\u2605") in out


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["show", "alfamix"], ["list-datasets"]])
def test_every_text_can_be_written_in_ascii(encoded, arguments):
    code, out, _ = encoded("ascii", *arguments)
    assert code == 0
    assert out


def test_signs_have_an_ascii_form():
    raw = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors=streams.PLAIN)
    raw.write("0.9 ± 0.1 ─│ … ★ \udcff")
    raw.flush()
    assert raw.buffer.getvalue() == rb"0.9 +/- 0.1 -| ... \u2605 \udcff"


def test_what_nobody_reads_any_more_is_dropped():
    reader, writer = os.pipe()
    os.close(reader)
    stream = io.BufferedWriter(streams.Forgiving(writer))
    stream.write(b"results")
    stream.flush()
    os.close(writer)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_is_said_once_and_costs_progress_nothing():
    descriptor = os.open("/dev/full", os.O_WRONLY)
    results = io.BufferedWriter(streams.Forgiving(descriptor))
    results.write(b"results")
    with pytest.raises(OSError, match="No space left"):
        results.flush()
    results.flush()
    progress = io.BufferedWriter(streams.Forgiving(descriptor, always=True))
    progress.write(b"round 1")
    progress.flush()
    os.close(descriptor)


@pytest.mark.parametrize(
    ("shell", "code"),
    [
        ("{} >&-", 0),
        ("{} 2>&-", 0),
        ("{} <&- >&- 2>&-", 0),
        ("{} | true; exit ${{PIPESTATUS[0]}}", 0),
        ("{} >/dev/full", 1),
        ("{} 2>/dev/full", 0),
        ("{} --nonsense 2>&-", 2),
        ("{} --nonsense 2>/dev/full", 2),
    ],
)
def test_an_exit_code_says_what_became_of_the_work(shell, code):
    command = shell.format(" ".join(LIST))
    outcome = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert outcome.returncode == code
    assert outcome.stderr == (
        "error: [Errno 28] No space left on device\n" if "full" in shell and code == 1 else ""
    )


def test_a_file_is_not_taken_for_a_closed_stream(tmp_path):
    """What is printed would be written into the first file that is opened."""
    probe = "from alframe_cli.streams import robust\nwith robust():\n f = open('f', 'w')\n print('results')\n"
    probe += " assert f.fileno() > 2"
    outcome = subprocess.run(
        ["bash", "-c", f'{sys.executable} -c "{probe}" >&- 2>&-'], cwd=tmp_path, capture_output=True
    )
    assert outcome.returncode == 0
    assert (tmp_path / "f").read_text() == ""


def test_only_results_are_on_standard_output(capfd):
    with streams.output_for_results():
        print("a plugin's")
        os.write(1, b"from C\n")
        subprocess.run(["echo", "a program's"], check=True)
    print("results")
    out, err = capfd.readouterr()
    assert out == "results\n"
    assert sorted(err.splitlines()) == ["a plugin's", "a program's", "from C"]


def test_streams_are_afterwards_what_they_were():
    before = sys.stdout, sys.stderr
    with streams.robust():
        pass
    assert (sys.stdout, sys.stderr) == before


def test_a_warning_of_alframes_is_a_note(capsys):
    with warnings.catch_warnings(), streams.warnings_as_notes():
        warnings.simplefilter("always")
        warnings.warn("2 images\nare left out", AlframeWarning, stacklevel=1)
    assert capsys.readouterr().err == "note: 2 images are left out\n"


PRINTS = """
from alframe import hookimpl
print("imported")
@hookimpl
def alframe_score(pool):
    print("printed")
    return pool.features[:, 0]
"""


def test_json_of_a_run_can_be_read_whatever_a_plugin_prints(alframe, quick, tmp_path):
    (tmp_path / "prints.py").write_text(PRINTS)
    outcome = alframe("run", "--plugin", "prints.py", "--strategy", "prints", *quick, "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out)
    assert "printed" in outcome.err


def test_who_closes_the_output_closes_nobody_elses(capfd):
    with streams.output_for_results():
        print("spoils")
        sys.stdout.close()
        print("more")
        sys.stderr.close()
        print("yet more", file=sys.stderr)
    print("results")
    print("a note", file=sys.stderr)
    assert capfd.readouterr() == ("results\n", "spoils\nmore\nyet more\na note\n")


def test_a_warning_of_anybody_is_a_line(capsys):
    with streams.warnings_as_notes(), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning("old\nways", FutureWarning, "library.py", 3)
        warnings.showwarning(AlframeWarning("odd"), AlframeWarning, "plugin.py", 3)
    assert capsys.readouterr().err == "note: old ways (FutureWarning, library.py, line 3)\nnote: odd\n"


def test_what_a_thread_raises_is_a_line(capsys):
    with streams.faults_as_notes():
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
    expected = "note: a thread of a plugin or a library raised ZeroDivisionError: division by zero\n"
    assert capsys.readouterr().err == expected
