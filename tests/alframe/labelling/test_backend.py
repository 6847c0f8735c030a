"""Label Studio's protocol over a session."""

import pytest
from starlette.testclient import TestClient

from alframe.labelling.backend import BODY_LIMIT, make_backend, names_of
from alframe.labelling.formats.label_studio import data_of, label_config
from alframe.labelling.requests import BadRequestError
from alframe.labelling.session import Session
from alframe.labelling.settings import SessionSettings
from label_doubles import FakeLearner, write_digits

HOST = "127.0.0.1:9090"
CHOICES = '<Choices name="kind" toName="img"><Choice value="one"/></Choices>'
CONFIG = f'<View><Image name="img" value="$image"/>{CHOICES}</View>'


@pytest.fixture
def session(tmp_path):
    write_digits(tmp_path / "digits", 20)
    settings = SessionSettings(source="x", classes=("zero", "one"), audit=2)
    with Session.create(tmp_path / "digits", tmp_path / "s", settings) as opened:
        yield opened


@pytest.fixture
def learner():
    return FakeLearner()


@pytest.fixture
def app(session, learner):
    return make_backend(session, learner, [HOST])


@pytest.fixture
def client(app):
    return TestClient(app, base_url=f"http://{HOST}")


def task(session, position):
    return {"id": position, "data": data_of(session, position)}


def annotated(session, position, label, number=1, **more):
    result = {"from_name": "kind", "to_name": "img", "type": "choices", "value": {"choices": [label]}}
    annotation = {"id": number, "result": [result], "updated_at": "2026-11-27T10:12:03Z"} | more
    return {"action": "ANNOTATION_CREATED", "task": task(session, position), "annotation": annotation}


def free(session):
    """Positions outside the audit."""
    return [n for n in range(20) if n not in session.audit]


def test_it_is_up(client):
    assert client.get("/health").json()["status"] == "UP"
    assert client.get("/").json()["status"] == "UP"


def test_it_is_set_up(client, session):
    for schema in (CONFIG, label_config(session), None):
        answer = client.post("/setup", json={"project": "1.2", "schema": schema})
        assert answer.json() == {"model_version": "alframe-0"}
    assert client.post("/setup", json={"schema": "<View><Image/></View>"}).status_code == 400


def test_predictions_are_the_newest_models(client, app, session, learner):
    first, second, *_ = free(session)
    learner.answer(suggestions={first: (1, 0.75)}, version=3)
    app.state.backend.loop.tick()
    body = {"tasks": [task(session, first), task(session, second)], "label_config": CONFIG}
    told, silent = client.post("/predict", json=body).json()["results"]
    assert told["model_version"] == "alframe-3"
    assert told["score"] == 0.75
    assert told["result"][0]["value"] == {"choices": ["one"]}
    assert (told["result"][0]["from_name"], told["result"][0]["to_name"]) == ("kind", "img")
    assert silent["result"] == []


def test_nothing_is_predicted_of_audit_samples_and_strangers(client, app, session, learner):
    learner.answer(suggestions=dict.fromkeys(range(20), (1, 0.75)))
    app.state.backend.loop.tick()
    tasks = [task(session, session.audit[0]), {"data": {"image": "/data/upload/1/other.png"}}, {"id": 3}]
    results = client.post("/predict", json={"tasks": tasks}).json()["results"]
    assert [one["result"] for one in results] == [[], [], []]


def test_uploaded_files_are_found_by_their_names(client, app, session, learner):
    position = free(session)[0]
    learner.answer(suggestions={position: (0, 0.6)})
    app.state.backend.loop.tick()
    data = {"image": f"/data/upload/1/1a2b3c4d-{session.samples[position].id}"}
    (found,) = client.post("/predict", json={"tasks": [{"data": data}]}).json()["results"]
    assert found["result"][0]["value"] == {"choices": ["zero"]}


def test_an_annotation_is_a_label_once(client, app, session, learner):
    for _ in range(2):
        assert client.post("/webhook", json=annotated(session, 4, "one")).status_code == 200
    assert session.labels()[4].label == "one"
    assert [event.event for event in session.events] == ["label"]
    later = annotated(session, 4, "zero", updated_at="2026-11-27T11:00:00Z") | {
        "action": "ANNOTATION_UPDATED"
    }
    client.post("/webhook", json=later)
    assert session.labels()[4].label == "zero"
    app.state.backend.loop.tick()
    assert learner.requests


def test_a_new_choice_is_a_new_class_and_a_skip_a_skip(client, session):
    client.post("/webhook", json=annotated(session, 4, "two"))
    client.post("/webhook", json=annotated(session, 5, "two", number=2, was_cancelled=True))
    assert [one.name for one in session.classes] == ["zero", "one", "two"]
    assert session.skipped() == {5}


def test_what_is_none_of_ours_is_let_pass(client, session):
    several = annotated(session, 4, "one")
    several["annotation"]["result"][0]["value"]["choices"] = ["one", "zero"]
    bodies = [
        {"action": "START_TRAINING", "project": {"id": 1}},
        {"action": "ANNOTATION_CREATED"},
        {"action": "ANNOTATION_CREATED", "task": 3, "annotation": []},
        {"action": "ANNOTATION_CREATED", "task": {"data": None}, "annotation": {"result": "x"}},
        several,
    ]
    for body in bodies:
        assert client.post("/webhook", json=body).status_code == 200
    assert session.events == []


def test_what_is_refused(client):
    assert client.get("/health", headers={"host": "evil.example"}).status_code == 421
    assert client.get("/health", headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/webhook", data={"a": 1}).status_code == 415
    assert (
        client.post(
            "/predict", content=iter([b"{}"]), headers={"content-type": "application/json"}
        ).status_code
        == 411
    )
    headers = {"content-type": "application/json", "content-length": str(BODY_LIMIT + 1)}
    assert client.post("/predict", content=b"{}", headers=headers).status_code == 413
    for body in ([], 3, {"tasks": 3}, {"tasks": [3]}, {"tasks": [], "label_config": "<a"}):
        assert client.post("/predict", json=body).status_code == 400
    assert (
        client.post("/predict", content=b"{", headers={"content-type": "application/json"}).status_code == 400
    )


def test_the_end_closes_the_process(app, learner):
    with TestClient(app, base_url=f"http://{HOST}"):
        pass
    assert learner.closed


def test_names_of_a_labelling_interface():
    assert names_of(CONFIG) == ("kind", "img")
    assert names_of(None) == ("label", "image")
    with pytest.raises(BadRequestError, match="Choices"):
        names_of("<View><RectangleLabels/></View>")
