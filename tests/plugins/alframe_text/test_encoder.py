"""Encoders by transformers. Importing the library takes seconds, so these tests are slow ones."""

import copy
import dataclasses
import pickle
import sys

import numpy as np
import pytest
import torch

import alframe
from alframe import ActiveLearner, ModelRequest, UsageError
from alframe.data.text_bytes import bytes_of
from alframe_text import EncoderOptions
from alframe_text import _encoder as module

pytestmark = pytest.mark.slow

TEXTS = ["a match and a goal", "", "soup", "the bank of the striker " * 9, "zzz \U0001f600 \0 é", "soup"]


@pytest.fixture
def build(tiny_bert):
    def build(location=tiny_bert, download=False, **options):
        request = ModelRequest(torch.Size((200,)), 3, EncoderOptions(**options), download, str(location))
        with torch.random.fork_rng():
            torch.manual_seed(1)
            return module.encoder(request)

    return build


def reference(folder, texts, pooling):
    """One text after the other, by transformers alone."""
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModel.from_pretrained(folder).eval()
    rows = []
    for text in texts:
        given = tokenizer(text.replace("\0", " "), truncation=True, max_length=64, return_tensors="pt")
        vectors = network(**given).last_hidden_state[0]
        pooled = {"mean": vectors.mean(0), "cls": vectors[0], "max": vectors.amax(0)}
        rows.append(pooled[pooling].detach())
    return torch.stack(rows)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_features_are_the_pooled_vectors_whatever_the_batch(build, tiny_bert, pooling, monkeypatch):
    model = build(pooling=pooling).eval()
    rows, _ = bytes_of(TEXTS)
    with torch.no_grad():
        together = model.features(rows)
        torch.testing.assert_close(together, reference(tiny_bert, TEXTS, pooling), atol=1e-5, rtol=1e-5)
        monkeypatch.setattr(module, "TOKENS_AT_ONCE", 1)
        torch.testing.assert_close(model.features(rows), together, atol=1e-5, rtol=1e-5)
        order = torch.tensor([3, 0, 5, 1])
        torch.testing.assert_close(model.features(rows[order]), together[order], atol=1e-5, rtol=1e-5)
    assert torch.equal(together[2], together[5])


def test_long_texts_end_at_max_length(build):
    model = build(max_length=6).eval()
    rows, _ = bytes_of(["the match and the goal and soup", "the match and the goal and bread"])
    one, other = model.features(rows)
    assert torch.equal(one, other)
    with pytest.raises(UsageError, match="max_length is 65, but transformers:.* takes 64 tokens at most"):
        build(max_length=65)


@pytest.mark.parametrize("k", [None, 0, 1, 2, 3])
def test_the_last_layers_are_fine_tuned(build, k):
    model = build(fine_tune_layers=k).train()
    network = model.body.network
    trains = [network.embeddings, *network.encoder.layer][::-1]
    for number, part in enumerate(trains):
        expected = k is None or number < k
        assert {parameter.requires_grad for parameter in part.parameters()} == {expected}
    assert bool(model.dropout_layers()) == (k != 0)
    with pytest.raises(UsageError, match="fine_tune_layers is 4, but transformers:.* has 3 layers"):
        build(fine_tune_layers=4)


def test_copies_share_the_tokenizer_and_another_process_has_its_own(build):
    model = build()
    rows, _ = bytes_of(TEXTS)
    model.train().features(rows)
    assert copy.deepcopy(model).body._tokens is model.body._tokens
    assert model.body._tokens._kept
    sent = pickle.loads(pickle.dumps(model.eval()))
    assert not sent.body._tokens._kept
    assert torch.equal(sent.features(rows), model.features(rows))


def test_texts_that_are_trained_on_are_tokenised_once(build, monkeypatch):
    model = build()
    rows, _ = bytes_of(TEXTS)
    seen = []
    made = model.body._tokens._made
    monkeypatch.setattr(model.body._tokens, "_made", lambda texts: seen.append(len(texts)) or made(texts))
    model.eval().features(rows)
    assert not model.body._tokens._kept
    for _ in range(3):
        model.train().features(rows)
    assert seen == [5, 5]


def test_fine_tuning_learns_topics(topics, tiny_bert):
    data = alframe.load_dataset(f"texts:{topics}", test_fraction=0.25)
    recipe = alframe.Recipe(epochs=12, learning_rate=3e-3)
    learner = ActiveLearner(data.hide_labels(), f"transformers:{tiny_bert}", "margin", recipe=recipe, seed=0)
    before = learner.model.body.network.encoder.layer[0].output.dense.weight.clone()
    for _ in range(2):
        picks = learner.ask(60)
        learner.tell(picks, data.targets[picks])
        learner.fit()
    assert not torch.equal(before, learner.model.body.network.encoder.layer[0].output.dense.weight)
    assert learner.evaluate().accuracy > 0.6


def test_what_is_not_there_is_said_in_a_line(build, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("socket.socket.connect", lambda *args: pytest.fail("the network was asked"))
    with pytest.raises(UsageError, match="x/y is neither a folder nor in the hub's cache .*; --download"):
        build("x/y")
    with pytest.raises(UsageError, match="there is no folder /nowhere/it"):
        build("/nowhere/it")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="empty: the folder has no config.json; save_pretrained"):
        build(tmp_path / "empty")
    (tmp_path / "empty" / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="empty can't be read from") as caught:
        build(tmp_path / "empty")
    assert "\n" not in str(caught.value)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UsageError, match=r"needs the package transformers; .*'alframe\[text\]'"):
        build()


def test_weights_that_are_pickles_are_not_read(build, tiny_bert, tmp_path):
    import shutil

    folder = shutil.copytree(tiny_bert, tmp_path / "pickled")
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(UsageError, match="can't be read from .*safetensors"):
        build(folder)


def test_nothing_is_printed(build, capfd):
    build()
    assert capfd.readouterr() == ("", "")


def test_options_are_checked():
    with pytest.raises(ValueError, match="max_length must be at least 2"):
        EncoderOptions(max_length=1)
    assert dataclasses.asdict(EncoderOptions())["pooling"] == "mean"
    assert np.isclose(EncoderOptions().dropout, 0)
