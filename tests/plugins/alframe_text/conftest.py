"""Texts of topics, made of templates, and an encoder of two layers with random weights."""

import csv
import random

import pytest

WORDS = {
    "sport": [
        "match",
        "goal",
        "team",
        "player",
        "coach",
        "season",
        "league",
        "striker",
        "stadium",
        "referee",
        "cup",
        "penalty",
    ],
    "food": [
        "soup",
        "bread",
        "recipe",
        "oven",
        "butter",
        "salad",
        "kitchen",
        "pepper",
        "dinner",
        "onion",
        "cheese",
        "chef",
    ],
    "money": [
        "bank",
        "loan",
        "interest",
        "market",
        "share",
        "investor",
        "profit",
        "tax",
        "budget",
        "currency",
        "bond",
        "price",
    ],
    "weather": [
        "rain",
        "storm",
        "wind",
        "cloud",
        "sunshine",
        "snow",
        "forecast",
        "temperature",
        "frost",
        "thunder",
        "fog",
        "breeze",
    ],
}
FRAMES = [
    "the {} and the {} were all that people spoke of on {}",
    "on {2} nobody had expected such a {0}, nor the {1}",
    "she wrote about a {} near the {} last {}",
    "{2} came, and with it the {0}; the {1} had to wait",
]
DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def topic_texts(count, seed=0):
    """Sentences of which two words tell the topic, and the topics."""
    rng = random.Random(seed)
    topics = [rng.choice(sorted(WORDS)) for _ in range(count)]
    texts = [rng.choice(FRAMES).format(*rng.sample(WORDS[topic], 2), rng.choice(DAYS)) for topic in topics]
    return texts, topics


@pytest.fixture(scope="session")
def topics(tmp_path_factory):
    """A table of 1,200 sentences of four topics."""
    path = tmp_path_factory.mktemp("texts") / "topics.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("text", "topic"), *zip(*topic_texts(1200), strict=True)])
    return path


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory):
    """A folder of a BERT with two layers of width 32, its weights random, as save_pretrained writes it."""
    transformers = pytest.importorskip("transformers")
    import torch

    folder = tmp_path_factory.mktemp("tiny-bert")
    words = {
        word for text in topic_texts(400)[0] for word in text.replace(",", " ").replace(";", " ").split()
    }
    letters = "abcdefghijklmnopqrstuvwxyz,;.!?"
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters[:26])]
    vocabulary += sorted(words - set(letters))
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.BertModel(config).save_pretrained(folder, safe_serialization=True)
    tokenizer = transformers.BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64)
    tokenizer.save_pretrained(folder)
    return folder
