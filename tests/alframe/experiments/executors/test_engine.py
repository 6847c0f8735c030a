import json

import pytest

from alframe import Job, PluginError, UsageError
from alframe.experiments.executors.engine import BOOK, Engine, cancel_all, read_book
from alframe.registry.offers import EXECUTORS
from engines import Jobs, Options, registry


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "runs" / ".tasks" / "0123abcd"
    folder.mkdir(parents=True)
    return folder


def engine(found, folder, **options):
    return Engine(found.offers.named(EXECUTORS, "engine"), Options(**options), folder)


def test_jobs_are_written_down_and_found_again(folder):
    found = registry(outlives=True)
    tasks = [folder / "0.json", folder / "1.json"]
    assert engine(found, folder, fault="slow").submit(tasks) == {"0": "job-0", "1": "job-1"}
    another = engine(found, folder, fault="slow")
    assert another.alive() == {"0": "job-0", "1": "job-1"}
    assert another.look(["job-1", "job-1"]) == {"job-1": Job("running")}
    assert another.submit([folder / "2.json"]) == {"0": "job-0", "1": "job-1", "2": "job-2"}
    assert engine(found, folder, fault="lost").alive() == {}
    assert read_book(folder)["options"] == {"queue": "short", "fault": "slow"}


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"executor": "x", "options": {}, "jobs": {"0": 1}}']
)
def test_a_damaged_book_is_none(folder, content):
    (folder / BOOK).write_text(content)
    assert read_book(folder) is None
    assert engine(registry(), folder).alive() == {}


def test_another_executor_s_jobs_are_not_ours(folder):
    book = {"executor": "local/other", "options": {}, "jobs": {"0": "job-0"}}
    (folder / BOOK).write_text(json.dumps(book))
    assert engine(registry(), folder).book() == {}


def test_what_waits_or_runs_is_cancelled(folder):
    found = registry(outlives=True)
    engine(found, folder, fault="slow").submit([folder / "0.json"])
    (folder.parent / "damaged").mkdir()
    (folder.parent / "damaged" / BOOK).write_text("{")
    out = folder.parents[1]
    assert cancel_all(out, found) == ["job-0"]
    assert Jobs.cancelled == ["job-0"]
    book = json.loads((folder / BOOK).read_text())
    (folder / BOOK).write_text(json.dumps(book | {"options": {"fault": "lost"}}))
    assert cancel_all(out, found) == []


def test_what_can_t_be_cancelled(folder, tmp_path):
    with pytest.raises(UsageError, match="there is no folder"):
        cancel_all(tmp_path / "none", registry())
    (folder / BOOK).write_text('{"executor": "local/other", "options": {}, "jobs": {"0": "a"}}')
    with pytest.raises(UsageError, match="unknown executor 'local/other'"):
        cancel_all(folder.parents[1], registry())
    (folder / BOOK).write_text('{"executor": "engine", "options": {"fault": "open"}, "jobs": {"0": "a"}}')
    with pytest.raises(PluginError, match="open of 'engine'"):
        cancel_all(folder.parents[1], registry())
