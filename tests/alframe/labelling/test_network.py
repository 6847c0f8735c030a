import pytest
import torch
from torch import nn

from alframe.data.sentences import SentencesMissingError
from alframe.labelling import network
from alframe.labelling.formats.dataset import dataset
from alframe.labelling.network import material
from alframe.labelling.pretrained import Body, BodyMissingError


def missing(said=""):
    def find(data):
        raise BodyMissingError(said)

    return find


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "reviews.txt"
    path.write_text("\n".join(f"a {word} film number {n}" for n, word in enumerate(["good", "bad"] * 10)))
    return path


def test_without_published_weights_a_small_network_is_trained(start, tmp_path, monkeypatch):
    monkeypatch.setattr(network, "PRETRAINED", (missing(), missing("a cache that is broken")))
    session = start()
    made = material(session, dataset(session), tmp_path)
    assert (made.model, made.stages, made.start) == ("cnn", {}, "random")
    assert made.notes[-2] == "a cache that is broken"
    assert made.notes[-1].startswith("the model is cnn, trained from nothing")
    assert made.blank.tolist() == [0]  # the black picture
    assert (made.dataset.targets == -1).all()


def test_features_of_published_weights_are_computed_once(start, tmp_path, monkeypatch):
    calls = []

    class Module(nn.Module):
        def forward(self, images):
            calls.append(len(images))
            return images.flatten(1)[:, :5] * 100 + 3

    monkeypatch.setattr(network, "PRETRAINED", (missing(), lambda data: Body("mine", Module())))
    session = start()
    made = material(session, dataset(session), tmp_path)
    assert (made.model, made.stages, made.start) == ("linear", {"train": "linear-probe"}, "coreset")
    assert made.notes[-1] == "the model is a linear head on features of mine"
    x = made.dataset.inputs
    assert x.shape == (40, 5)
    torch.testing.assert_close(x.mean(0), torch.zeros(5), atol=1e-5, rtol=0)


def test_a_network_that_is_named_is_taken(start, tmp_path):
    session = start(model="lenet")
    made = material(session, dataset(session), tmp_path)
    assert (made.model, made.stages) == ("lenet", {})
    assert made.notes[-1] == "the model is lenet"


def test_texts_by_hashed_words_or_sentences(start, texts, tmp_path, monkeypatch):
    def absent(texts):
        raise SentencesMissingError("none", is_installed=False)

    monkeypatch.setattr(network, "sentence_features", absent)
    session = start(texts, kind="texts")
    data = dataset(session)
    made = material(session, data, tmp_path)
    assert (made.model, made.start) == ("linear", "coreset")
    assert torch.equal(made.dataset.inputs, data.inputs)
    assert "hashed words" in made.notes[0]
    seen = []

    def present(texts):
        seen.extend(texts)
        return torch.ones(len(texts), 4).numpy(), "texts are ones"

    monkeypatch.setattr(network, "sentence_features", present)
    made = material(session, data, tmp_path)
    assert seen[:2] == ["a good film number 0", "a bad film number 1"]
    assert made.dataset.inputs.shape == (20, 4)
    assert made.notes == ["texts are ones", "the model is a linear head on them"]


def test_labels_are_those_of_the_request(start, tmp_path):
    session = start(model="cnn")
    made = material(session, dataset(session), tmp_path)
    found = made.labelled([5, 2], [1, 2], 3)
    assert found.num_classes == 3
    assert found.targets[[5, 2]].tolist() == [1, 2]
    assert int((found.targets >= 0).sum()) == 2
