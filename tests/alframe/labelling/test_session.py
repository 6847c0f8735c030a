import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from alframe.errors import TrialError, UsageError
from alframe.labelling.classes import ClassInfo
from alframe.labelling.journal import JournalFullError
from alframe.labelling.opening import default_folder
from alframe.labelling.session import Session
from alframe.labelling.settings import SessionSettings

LABEL = {"event": "label", "sample": 0, "label": "cat"}


def names(session):
    return {position: label.label for position, label in session.labels().items()}


def test_what_was_said_is_there_after_closing(start):
    session = start()
    session.post(LABEL, "ada")
    session.post({"event": "skip", "sample": "a/02.png"}, "ada")
    session.post({"event": "unsure", "sample": 2}, "bob")
    session.post({"event": "class-add", "label": "fox"}, "ada")
    session.post({"event": "label", "sample": 3, "label": "fox"}, "ada")
    again = start.again(session)
    assert names(again) == {0: "cat", 3: "fox"}
    assert (again.skipped(), again.unsure()) == ({1}, {2})
    assert again.classes == [ClassInfo("cat", "1"), ClassInfo("dog", "2"), ClassInfo("fox", "3")]
    assert again.notes == []
    assert again.events == session.events


def test_a_double_press_is_one_label_after_a_restart_too(start):
    session = start()
    first = session.post(LABEL | {"client": "c1"}, "ada")
    assert session.post(LABEL | {"client": "c1"}, "ada") is first
    assert session.post(LABEL | {"client": "c1", "label": "nonsense"}, "ada") is first
    assert session.undo("ada", "c2") is session.undo("ada", "c2")
    again = start.again(session)
    assert again.post(LABEL | {"client": "c1"}, "ada") == first
    assert len(again.events) == 2
    assert again.post(LABEL | {"client": "c1"}, "bob").n == 3


def test_undo_is_of_the_persons_own_last_answer(start):
    session = start()
    session.post(LABEL, "ada")
    session.post({"event": "skip", "sample": 1}, "ada")
    session.post({"event": "label", "sample": 2, "label": "dog"}, "bob")
    assert session.undo("ada").of == 2
    assert session.undo("ada").of == 1
    with pytest.raises(UsageError, match="ada has nothing to undo"):
        session.undo("ada")
    assert names(start.again(session)) == {2: "dog"}
    with pytest.raises(UsageError, match="event 1 is not what bob did last"):
        Session.read(session.folder).post({"event": "undo", "of": 1}, "bob")


def test_a_renamed_class_after_a_restart(start):
    session = start()
    session.post(LABEL, "ada")
    session.post({"event": "class-rename", "label": "cat", "to": "kitten"}, "ada")
    session.post({"event": "class-key", "label": "kitten", "key": "k"}, "ada")
    session.post({"event": "label", "sample": 1, "label": "kitten"}, "ada")
    again = start.again(session)
    assert names(again) == {0: "kitten", 1: "kitten"}
    assert again.classes == [ClassInfo("kitten", "k"), ClassInfo("dog", "2")]


def test_audit_samples_are_drawn_once_and_never_trained_on(start, photos):
    session = start(audit=100, seed=3)
    assert len(session.audit) == 4
    for position in range(40):
        session.post({"event": "label", "sample": position, "label": "cat" if position % 2 else "dog"}, "ada")
    positions, classes = session.training()
    assert sorted(positions) == sorted(set(range(40)) - set(session.audit))
    assert classes == [0 if position % 2 else 1 for position in positions]
    assert session.audited() == {position: int(position % 2 == 0) for position in session.audit}
    (photos / "new.png").write_bytes((photos / "a" / "00.png").read_bytes())
    assert start.again(session).audit == session.audit


def test_no_audit_of_few_samples_and_another_of_another_seed(start, tmp_path):
    audits = {start(folder=tmp_path / f"s{seed}", audit=4, seed=seed).audit for seed in (1, 2, 3)}
    assert len(audits) > 1
    assert start(folder=tmp_path / "none", audit=0).audit == ()


def test_disagreements_are_not_trained_on_until_settled(start):
    session = start(people=("ada", "bob"), overlap=1.0)
    for position, bobs in ((0, "cat"), (1, "cat"), (2, "dog")):
        session.post({"event": "label", "sample": position, "label": "cat"}, "ada")
        session.post({"event": "label", "sample": position, "label": bobs}, "bob")
    session.post({"event": "label", "sample": 3, "label": "dog"}, "ada")
    assert sorted(session.training()[0]) == [0, 1, 3]
    assert [found.position for found in session.disagreements()] == [2]
    found = session.agreement()
    assert (found.samples, found.people, found.share) == (3, 2, pytest.approx(2 / 3))
    assert session.progress()["agreement"]["measure"] == "Cohen's kappa"
    session.post({"event": "adjudicate", "sample": 2, "label": "dog"}, "eve")
    assert session.training() == ([0, 1, 3, 2], [0, 0, 1, 1])
    assert session.agreement() == found
    assert names(start.again(session)) == {0: "cat", 1: "cat", 2: "dog", 3: "dog"}


def test_labels_csv_is_the_latest_of_each_every_twenty_and_at_the_end(start):
    session = start()
    table = session.folder / "labels.csv"
    for position in range(19):
        session.post({"event": "label", "sample": position, "label": "cat"}, "ada")
    assert not table.exists()
    session.post({"event": "label", "sample": 0, "label": "dog", "at": "2020-01-01T00:00:00Z"}, "bob")
    assert len(table.read_text().splitlines()) == 20
    assert table.read_text().startswith("sample,label,by,at\na/00.png,dog,bob,2020-01-01T00:00:00Z\n")
    session.undo("bob")
    session.close()
    assert "a/00.png,cat,ada" in table.read_text()


def test_one_process_at_a_time_and_any_number_that_look(start):
    session = start()
    session.post(LABEL, "ada")
    with pytest.raises(TrialError, match=f"is in use by process {os.getpid()} on "):
        Session.open(session.folder)
    looking = Session.read(session.folder)
    assert names(looking) == {0: "cat"}
    with pytest.raises(UsageError, match="open to be read only"):
        looking.post(LABEL, "ada")
    before = sorted(path.name for path in session.folder.iterdir())
    Session.read(session.folder).close()
    assert sorted(path.name for path in session.folder.iterdir()) == before


def test_creating_refuses_what_is_there(start, photos, tmp_path):
    session = start()
    session.close()
    with pytest.raises(UsageError, match="has a session already"):
        start()
    (session.folder / "labels.jsonl").touch()
    (session.folder / "session.toml").unlink()
    with pytest.raises(UsageError, match="has labels, but no session.toml"):
        start()
    with pytest.raises(UsageError, match="is no session"):
        Session.open(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_a_start_that_was_killed_is_begun_anew(photos, tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / "samples.jsonl").write_text('{"position":0,"id":"old.png","size":1,"digest":""}\n')
    with Session.create(photos, folder, SessionSettings(str(photos))) as session:
        assert len(session.samples) == 40


def test_nothing_to_label_leaves_no_lock_and_no_session(tmp_path):
    (tmp_path / "empty").mkdir()
    for _ in range(2):
        with pytest.raises(UsageError, match="there is nothing to label"):
            Session.create(tmp_path / "empty", tmp_path / "s", SessionSettings("x"))
    assert not (tmp_path / "s" / "session.toml").exists()


def test_without_its_source_the_labels_are_there(start, photos):
    session = start()
    session.post(LABEL, "ada")
    session.close()
    photos.rename(photos.with_name("gone"))
    looking = Session.read(session.folder)
    assert names(looking) == {0: "cat"}
    assert "the labels are there, the samples are not" in looking.notes[0]
    assert looking.training() == ([], [])
    with pytest.raises(UsageError, match="is not there"):
        looking.content(0)


def test_a_full_disk_refuses_the_event_and_nothing_else(start):
    session = start()
    session.post(LABEL, "ada")
    journal = session._journal
    write = journal._write

    def full(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    journal._write = full
    with pytest.raises(JournalFullError, match="No space left"):
        session.post({"event": "label", "sample": 1, "label": "dog", "client": "c"}, "ada")
    assert names(session) == {0: "cat"}
    journal._write = write
    assert session.post({"event": "label", "sample": 1, "label": "dog", "client": "c"}, "ada").n == 2


def test_a_table_that_can_not_be_written_costs_no_label(start):
    session = start()
    (session.folder / "labels.csv").mkdir()
    for position in range(21):
        session.post({"event": "label", "sample": position, "label": "cat"}, "ada")
    assert len(session.labels()) == 21


def test_events_of_a_journal_edited_by_hand_that_mean_nothing_are_named(start):
    session = start()
    session.post(LABEL, "ada")
    session.close()
    with (session.folder / "labels.jsonl").open("a") as file:
        file.write('{"n":2,"event":"label","by":"ada","at":"","sample":"no.png","label":"cat"}\n')
        file.write('{"n":3,"event":"label","by":"ada","at":"","sample":"a/02.png","label":"cow"}\noops\n')
    again = start.again(session)
    assert names(again) == {0: "cat"}
    text = "\n".join(again.notes)
    assert "event 2 is left out: there is no sample 'no.png'" in text
    assert "event 3 is left out: there is no class 'cow'" in text
    assert "labels.jsonl, line 4 is left out" in text


def test_what_is_shown(start, photos, texts):
    session = start()
    assert session.content(0).path == photos / "a" / "00.png"
    assert session.thumbnail(0, 32)[:2] == b"\xff\xd8"
    (photos / "a" / "02.png").write_bytes(b"broken")
    with pytest.raises(UsageError, match="a/02.png is no image that can be shown"):
        session.thumbnail(1, 32)
    for position in (40, -1):
        with pytest.raises(UsageError, match=f"there is no sample {position}"):
            session.content(position)
    reviews = start(texts, kind="texts")
    assert reviews.content(1).text == "review number 1 is good"
    with pytest.raises(UsageError, match="is no image"):
        reviews.thumbnail(1, 32)


def test_listeners_hear_what_is_on_disk(start):
    session, heard = start(), []
    session.listen(lambda event: heard.append((event.n, (session.folder / "labels.jsonl").stat().st_size)))
    session.post(LABEL, "ada")
    session.undo("ada")
    assert [n for n, _ in heard] == [1, 2]
    assert all(size for _, size in heard)


def test_many_answers_at_once_are_all_or_none(start):
    session = start()
    rows = [{"event": "label", "sample": position, "label": "fox", "by": "bob"} for position in range(30)]
    with pytest.raises(UsageError, match="unknown class 'fox'"):
        session.take(rows)
    session.take([*rows, {"event": "class-add", "label": "fox", "by": "bob"}])
    assert len(names(session)) == 30
    with pytest.raises(UsageError, match="there is no sample 99"):
        session.take([rows[0] | {"label": "cat"}, rows[0] | {"sample": 99}])
    assert set(names(session).values()) == {"fox"}


def test_several_threads(start):
    session = start(people=("ada", "bob"))

    def work(person):
        while found := session.next_for(person, [], 2):
            session.post({"event": "label", "sample": found[0], "label": "cat"}, person)

    threads = [threading.Thread(target=work, args=(person,)) for person in ("ada", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [event.n for event in session.events] == list(range(1, 41))
    assert len({event.sample for event in session.events}) == 40


def test_the_folder_beside_the_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert default_folder(tmp_path / "photos") == tmp_path / "photos.alframe"
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path / "photos")
    assert default_folder(tmp_path / "photos" / ".") == tmp_path / "photos.alframe"


def test_killed_it_can_be_opened_again_and_nothing_is_lost(start):
    session = start()
    session.close()
    program = """
        import itertools, sys
        from pathlib import Path
        from alframe.labelling.session import Session
        session = Session.open(Path(sys.argv[1]))
        for number in itertools.count():
            event = session.post({"event": "label", "sample": number % 40, "label": "cat"}, "ada")
            print(event.n, flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(session.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        said = [server.stdout.readline() for _ in range(25)]
        server.send_signal(signal.SIGKILL)
        said += server.stdout.readlines()
    again = start.again(session)
    found = [event.n for event in again.events]
    assert found == list(range(1, len(found) + 1))
    assert {int(line) for line in said if line.endswith("\n")} <= set(found)
