"""Texts as data, and encoders of texts as networks.

WordLlama's static embeddings are those of a language model's tokens, reduced to 256 numbers; its package
ships them. Encoders are those of the library transformers: Wolf et al., "Transformers: State-of-the-art
natural language processing", EMNLP 2020, arXiv 1910.03771. Hashed words: Weinberger et al., "Feature hashing
for large scale multitask learning", ICML 2009, arXiv 0902.2206.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import TYPE_CHECKING, Literal

from alframe import (
    CheckedOptions,
    DataOptions,
    DataRequest,
    DatasetInfo,
    ModelInfo,
    ModelRequest,
    PluginInfo,
    PresetInfo,
    hookimpl,
    option,
)

if TYPE_CHECKING:
    from alframe import Classifier, Dataset


@dataclasses.dataclass(frozen=True)
class TextDataOptions(DataOptions):
    """Options of texts in a file."""

    text: str | None = option(None, "column of texts; none: one of a usual name, as text or review")
    target: str | None = option(None, "column of classes; none: the only other one, empty: no label is known")
    test: str | None = option(None, "file of the test part; none: test_fraction is held out")
    length: int = option(2000, "most bytes of a text; what is longer is cut", least=1)
    bad_texts: Literal["error", "skip"] = option("error", "what to do with rows that have no text")
    separator: str | None = option(
        None, "what parts fields: comma, semicolon, tab, pipe, space or a character; none: it is found out"
    )
    encoding: str | None = option(None, "of the letters, as utf-8 or cp1252; none: it is found out")


@dataclasses.dataclass(frozen=True)
class HeadOptions(CheckedOptions):
    """Options of every network of texts."""

    dropout: float = option(
        0.0, "share of the features dropped before the head in training", least=0, below=1
    )


@dataclasses.dataclass(frozen=True)
class HashedOptions(HeadOptions):
    """Options of hashed words."""

    columns: int = option(4096, "features: words are hashed to so many numbers", least=2, most=2**20)
    ngrams: int = option(1, "most words, or characters, in a row that count as one", least=1, most=8)
    of: Literal["words", "characters"] = option(
        "words", "what is hashed; characters suit languages that don't part words"
    )


@dataclasses.dataclass(frozen=True)
class EncoderOptions(HeadOptions):
    """Options of encoders by transformers."""

    pooling: Literal["mean", "cls", "max"] = option(
        "mean", "how the tokens' vectors become one: their mean, the first token's, or the largest numbers"
    )
    max_length: int | None = option(
        None, "tokens of a text that are read; none: 256, or as many as the network takes", least=2
    )
    fine_tune_layers: int | None = option(
        None, "layers that train beside the head, from the last; 0: the head alone, none: all", least=0
    )


def load_texts(request: DataRequest) -> Dataset:
    """A file with a column of texts, and one of classes."""
    from alframe_text._read import load

    return load(request.location, request.options)


def network_of_texts(location: str) -> str:
    """Static embeddings where their package is installed, else hashed words."""
    return "text-static" if importlib.util.find_spec("wordllama") else "text-hashed"


def build_hashed(request: ModelRequest) -> Classifier:
    """A head on hashed words."""
    from alframe_text._bodies import hashed

    return hashed(request)


def build_static(request: ModelRequest) -> Classifier:
    """A head on static embeddings."""
    from alframe_text._bodies import static

    return static(request)


def build_encoder(request: ModelRequest) -> Classifier:
    """A head on what an encoder of transformers makes of texts."""
    from alframe_text._encoder import encoder

    return encoder(request)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(summary="texts, and networks that take them", api=3)


@hookimpl
def alframe_datasets() -> dict[str, DatasetInfo]:
    """Offers texts in a file."""
    return {
        "texts": DatasetInfo(
            summary="texts of .csv, .tsv or .jsonl; -o data.text= and data.target= name the columns",
            load=load_texts,
            location="PATH",
            options=TextDataOptions,
            network=network_of_texts,
        )
    }


@hookimpl
def alframe_models() -> dict[str, ModelInfo]:
    """Offers the networks."""
    return {
        "text-hashed": ModelInfo(
            summary="a head on hashed words: the base line",
            build=build_hashed,
            reference="Weinberger et al., ICML 2009, arXiv 0902.2206",
            options=HashedOptions,
            takes="texts",
        ),
        "text-static": ModelInfo(
            summary="a head on 256 static embeddings that the package wordllama ships",
            build=build_static,
            options=HeadOptions,
            takes="texts",
        ),
        "transformers": ModelInfo(
            summary="an encoder by transformers: a folder, or a name on the hub",
            build=build_encoder,
            reference="Wolf et al., EMNLP 2020, arXiv 1910.03771",
            options=EncoderOptions,
            location="NAME-or-PATH",
            takes="texts",
        ),
    }


@hookimpl
def alframe_presets() -> dict[str, PresetInfo]:
    """Offers protocols of papers on texts."""
    from alframe_text._presets import PRESETS

    return PRESETS
