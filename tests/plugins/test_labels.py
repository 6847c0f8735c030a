import pytest
from PIL import Image

import alframe
from alframe.labelling.session import Session
from alframe.labelling.settings import SessionSettings


@pytest.fixture
def session(tmp_path):
    (tmp_path / "photos").mkdir()
    for number in range(40):
        Image.new("RGB", (8, 8), (200 * (number % 2), 0, number)).save(
            tmp_path / "photos" / f"{number:02}.png"
        )
    settings = SessionSettings("", classes=("dark", "red"), audit=4)
    with Session.create(tmp_path / "photos", tmp_path / "mine", settings) as session:
        names = ("dark", "red")
        session.take(
            [
                {"event": "label", "sample": number, "label": names[number % 2], "by": "ada"}
                for number in range(40)
                if number != 5
            ]
        )
        yield session


def test_a_session_is_a_data_set_with_its_audit_as_the_test_part(session):
    data = alframe.load_dataset(f"labels:{session.folder}")
    audited = len(session.audited())
    assert (len(data), len(data.test_inputs), data.num_classes) == (39 - audited, audited, 2)
    assert data.inputs.shape[1:] == (3, 8, 8)
    assert data.name == "photos"
    small = alframe.load_dataset(f"labels:{session.folder}", size=8)
    assert small.inputs.shape[1:] == (3, 8, 8)


def test_a_run_on_a_session_learns(session, tmp_path):
    run = {"strategy": ["random"], "seeds": [1], "rounds": 1, "device": "cpu", "out": str(tmp_path / "runs")}
    sections = {
        "run": run,
        "data": {"name": f"labels:{session.folder}", "size": 8},
        "train": {"epochs": 20},
    }
    ((_, summary),) = alframe.run(sections).done
    assert summary.rounds[-1].accuracy > 0.9


def test_texts_suit_a_linear_network(tmp_path):
    from alframe_labels import network_of

    (tmp_path / "t.csv").write_text(
        "text\n" + "\n".join(f"{w} film {n}" for n in range(9) for w in ("good", "bad"))
    )
    settings = SessionSettings("", "texts", classes=("good", "bad"), audit=0)
    with Session.create(tmp_path / "t.csv", tmp_path / "s", settings) as session:
        for position in range(18):
            session.post(
                {"event": "label", "sample": position, "label": ("good", "bad")[position % 2]}, "ada"
            )
    data = alframe.load_dataset(f"labels:{tmp_path / 's'}")
    assert len(data) + len(data.test_inputs if data.test_inputs is not None else ()) == 18
    assert network_of(str(tmp_path / "s")) == "linear"
    assert network_of(str(tmp_path)) is None


@pytest.mark.parametrize("content", [None, "{"])
def test_no_session(tmp_path, content):
    if content:
        (tmp_path / "session.toml").write_text(content)
    with pytest.raises(alframe.UsageError, match="is no session|can't be read"):
        alframe.load_dataset(f"labels:{tmp_path}")
