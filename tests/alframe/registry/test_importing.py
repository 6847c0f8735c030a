import os
import random
import sys

import pytest

from alframe.registry import importing
from alframe.registry.importing import attempt


def raising(error):
    def load():
        raise error

    return load


def test_what_is_imported_is_handed_on():
    found = attempt(lambda: "module")
    assert (found.module, found.error, found.problem, found.remarks) == ("module", None, "", ())


def test_an_error_names_file_and_line():
    line = raising.__code__.co_firstlineno + 2
    found = attempt(raising(NameError("foo")))
    assert found.problem == f"could not be imported: NameError: foo (test_importing.py, line {line})"
    assert attempt(raising(SyntaxError("bad"))).problem == "could not be imported: SyntaxError: bad"


def test_an_exit_is_an_error_and_an_interrupt_is_one():
    assert isinstance(attempt(raising(SystemExit(3))).error, SystemExit)
    with pytest.raises(KeyboardInterrupt):
        attempt(raising(KeyboardInterrupt()))


def test_what_is_printed_goes_to_standard_error(capsys):
    assert attempt(lambda: print("hello")).remarks == ("prints when it is imported",)
    assert capsys.readouterr() == ("", "hello\n")


def test_who_closes_what_is_printed_to_is_heard_all_the_same(capsys):
    found = attempt(lambda: (print("hello"), sys.stdout.close()))
    assert "prints when it is imported" in found.remarks
    assert capsys.readouterr().err == "hello\n"


def test_who_removes_the_streams_has_them_put_back():
    before = sys.stdout, sys.stderr
    attempt(lambda: (setattr(sys, "stderr", None), setattr(sys, "stdout", None)))
    assert (sys.stdout, sys.stderr) == before


def test_a_slow_import_is_remarked(monkeypatch):
    monkeypatch.setattr(importing, "SLOW_SECONDS", -1.0)
    (remark,) = attempt(lambda: None).remarks
    assert remark.startswith("takes 0.0 s to import")


def test_torch_is_remarked_where_it_was_not_there_before(monkeypatch):
    def load():
        sys.modules["torch"] = torch

    torch = sys.modules["torch"]
    assert attempt(load).remarks == ()
    monkeypatch.delitem(sys.modules, "torch")
    assert "imports torch" in attempt(load).remarks[0]


def test_working_directory_and_random_state_are_put_back(tmp_path):
    folder, state = os.getcwd(), random.getstate()
    found = attempt(lambda: (os.chdir(tmp_path), random.seed(1)))
    assert (os.getcwd(), random.getstate()) == (folder, state)
    assert [remark.split(" when")[0] for remark in found.remarks] == [
        "changed the working directory",
        "changed Python's random state",
    ]


def test_what_an_import_sets_for_torch_is_undone_be_it_there_before_or_not(monkeypatch):
    torch = sys.modules["torch"]

    def load():
        sys.modules["torch"] = torch
        torch.set_default_dtype(torch.float64)

    for before in ("there", "not there"):
        if before == "not there":
            monkeypatch.delitem(sys.modules, "torch")
        remarks = attempt(load).remarks
        assert torch.get_default_dtype() == torch.float32
        assert "changed torch's default dtype when it was imported; that was undone" in remarks


def test_what_an_import_sets_for_its_library_stays(monkeypatch):
    monkeypatch.setenv("ALFRAME_TEST", "before")
    monkeypatch.setattr(sys, "path", list(sys.path))
    found = attempt(lambda: (os.environ.update(ALFRAME_TEST="after"), sys.path.insert(0, "/nowhere")))
    assert found.remarks == ()
    assert (os.environ["ALFRAME_TEST"], sys.path[0]) == ("after", "/nowhere")


def test_an_import_that_ends_the_process_is_an_error():
    leave = os._exit
    assert "os._exit(0)" in attempt(lambda: os._exit(0)).problem
    assert os._exit is leave
