"""Encoders by transformers as bodies: bytes, tokens, vectors of tokens, one vector a text."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from alframe import (
    Classifier,
    ModelRequest,
    UsageError,
    freeze_all_but_last,
    one_line,
    texts_of,
)

if TYPE_CHECKING:
    from alframe_text import EncoderOptions

USUAL_LENGTH = 256
TOKENS_AT_ONCE = 1 << 13  # on a CPU: vectors of so many tokens stay in its memory's reach
TOKENS_AT_ONCE_ON_GPU = 1 << 17
KEPT_TOKENS = 1 << 24  # of texts that were trained on
FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]
OTHERS = ["onnx/*", "openvino/*", "coreml/*", "flax/*"]


class Tokens:
    """Makes tokens of texts; those of texts that are trained on are kept, for they come again.

    Copies of a network share it: it has nothing that training changes.

    Args:
        tokenizer: of transformers.
        max_length: tokens of a text that are read, its marks of begin and end among them.
    """

    def __init__(self, tokenizer: Any, max_length: int) -> None:
        self._tokenizer = tokenizer
        self._max_length = max_length
        self.padding = next(n for n in (tokenizer.pad_token_id, tokenizer.eos_token_id, 0) if n is not None)
        self._kept: dict[str, list[int]] = {}
        self._count = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_kept": {}, "_count": 0}

    def __call__(self, texts: Sequence[str], *, keep: bool) -> list[list[int]]:
        """Numbers of the tokens of each text, at least one."""
        new = sorted({text for text in texts if text not in self._kept})
        found = dict(zip(new, self._made(new), strict=True)) if new else {}
        count = sum(map(len, found.values()))
        if keep and self._count + count <= KEPT_TOKENS:
            self._kept |= found
            self._count += count
        return [self._kept[text] if text in self._kept else found[text] for text in texts]

    def _made(self, texts: list[str]) -> list[list[int]]:
        made = self._tokenizer(
            texts,
            truncation=True,
            max_length=self._max_length,
            padding=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )["input_ids"]
        return [numbers or [self.padding] for numbers in made]


class Encoder(nn.Module):
    """The pooled vectors of an encoder's last layer.

    Args:
        network: of transformers, without a head.
        tokens: makes what it takes.
        pooling: "mean" or "max" over a text's tokens, or "cls", the first one's vector.
    """

    def __init__(self, network: nn.Module, tokens: Tokens, pooling: str) -> None:
        super().__init__()
        self.network: Any = network
        self._tokens = tokens
        self._pooling = pooling

    def forward(self, x: Tensor) -> Tensor:
        """``n x D`` features of ``n x L`` bytes, on the network's device."""
        numbers = self._tokens(texts_of(x), keep=self.training)
        if self.training:
            return self._pooled(numbers, x.device)
        order = sorted(range(len(numbers)), key=lambda row: len(numbers[row]))
        parts = [self._pooled([numbers[row] for row in rows], x.device) for rows in _parts(numbers, order, x)]
        back = torch.empty(len(order), dtype=torch.int64)
        back[torch.tensor(order)] = torch.arange(len(order))
        return torch.cat(parts)[back.to(x.device)]

    def _pooled(self, numbers: Sequence[list[int]], device: torch.device) -> Tensor:
        """Features of texts that pass at once, padded to the longest of them."""
        lengths = torch.tensor([len(row) for row in numbers])
        longest = int(lengths.max())
        padding = self._tokens.padding
        ids = torch.tensor([row + [padding] * (longest - len(row)) for row in numbers]).to(device)
        mask = (torch.arange(longest) < lengths[:, None]).to(device)
        output = self.network(input_ids=ids, attention_mask=mask.long())
        vectors: Tensor = output.last_hidden_state.float()
        if self._pooling == "cls":
            return vectors[:, 0]
        if self._pooling == "max":
            return vectors.masked_fill(~mask[:, :, None], -torch.inf).amax(dim=1)
        weights = mask[:, :, None].to(vectors.dtype)
        return (vectors * weights).sum(dim=1) / weights.sum(dim=1)


def _parts(numbers: Sequence[list[int]], order: Sequence[int], x: Tensor) -> Iterator[list[int]]:
    """Rows that pass at once, of about one length: no more tokens than a device takes, padding included."""
    most = TOKENS_AT_ONCE_ON_GPU if x.is_cuda else TOKENS_AT_ONCE
    part: list[int] = []
    for row in order:
        if part and (len(part) + 1) * len(numbers[row]) > most:
            yield part
            part = []
        part.append(row)
    yield part


def encoder(request: ModelRequest) -> Classifier:
    """An encoder with a linear head of its own, which starts at random.

    Args:
        request: number of classes, options, where the encoder is, and whether it may be fetched.

    Raises:
        UsageError: transformers is not installed; the encoder is not there, is none, or has no weights that
            are read; or more tokens or layers than it has.
    """
    options: EncoderOptions = request.options
    name = f"transformers:{request.location}"
    transformers = _transformers()
    folder = _folder(name, request)
    with _quiet(transformers):
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            network = transformers.AutoModel.from_pretrained(
                folder, trust_remote_code=False, use_safetensors=True
            )
        except Exception as error:  # the package raises its own errors, its parsers' and torch's
            raise UsageError(f"{name} can't be read from {folder}: {one_line(error)}") from error
    network = _without_extras(network).float().train()
    length = _length(name, tokenizer, network.config, options.max_length)
    body = Encoder(network, Tokens(tokenizer, length), options.pooling)
    with torch.no_grad():
        try:
            width = body.eval()(request_example(request)).shape[1]
        except Exception as error:  # what is raised depends on the network
            raise UsageError(f"{name} is no encoder of texts: {one_line(error)}") from error
    model = Classifier(body.train(), nn.Linear(width, request.num_classes), options.dropout)
    if options.fine_tune_layers is not None:
        freeze_all_but_last(model, body, _layers(network), options.fine_tune_layers, name)
    return model


def request_example(request: ModelRequest) -> Tensor:
    """A short text as a network is given it."""
    return torch.tensor([list(b"text"[: max(1, request.input_shape[0])])], dtype=torch.uint8)


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise UsageError(
            "this network needs the package transformers; alframe's extra brings it: "
            "pip install 'alframe[text]'"
        ) from error
    return transformers


def _folder(name: str, request: ModelRequest) -> str:
    """Where the encoder's files are: its folder, or the hub's cache; fetched if that is allowed."""
    from huggingface_hub import constants, snapshot_download

    location, download = request.location, request.download
    if Path(location).is_dir():
        if not (Path(location) / "config.json").is_file():
            raise UsageError(
                f"{name}: the folder has no config.json; save_pretrained of an encoder and of its tokenizer "
                "write what is needed"
            )
        return location
    if Path(location).is_absolute() or location.startswith((".", "~")) or location.count("/") > 1:
        raise UsageError(f"{name}: there is no folder {location}")
    where = f"{name} is neither a folder nor in the hub's cache {constants.HF_HUB_CACHE}"
    try:
        return str(
            snapshot_download(
                location, local_files_only=not download, allow_patterns=FILES, ignore_patterns=OTHERS
            )
        )
    except Exception as error:  # a client raises what its transport does
        if not download:
            raise UsageError(f"{where}; --download fetches it") from error
        raise UsageError(f"{where}, and can't be fetched: {one_line(error)}") from error


@contextlib.contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Without the package's bars, and its words on weights that features don't need."""
    log = transformers.utils.logging
    level, shown = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if shown:
            log.enable_progress_bar()


def _without_extras(network: Any) -> Any:
    """The encoder of a network that has a decoder, too, without a pooling layer that features don't pass."""
    if getattr(network.config, "is_encoder_decoder", False):
        network = network.get_encoder()
    if isinstance(getattr(network, "pooler", None), nn.Module):
        network.pooler = None
    return network


def _length(name: str, tokenizer: Any, config: Any, wanted: int | None) -> int:
    """How many tokens of a text are read."""
    limits = (getattr(tokenizer, "model_max_length", None), getattr(config, "max_position_embeddings", None))
    known = [limit for limit in limits if isinstance(limit, int) and 0 < limit < 10**9]
    most = min(known, default=10**9)
    if wanted is not None and wanted > most:
        raise UsageError(f"model.max_length is {wanted}, but {name} takes {most} tokens at most")
    return wanted or min(USUAL_LENGTH, most)


def _layers(network: nn.Module) -> list[list[nn.Parameter]]:
    """Parameters of what comes before the blocks, then of each block; what follows joins the last one."""
    lists = [module for module in network.modules() if isinstance(module, nn.ModuleList)]
    blocks = max(lists, key=len, default=nn.ModuleList([network]))
    place = {parameter: number for number, block in enumerate(blocks, 1) for parameter in block.parameters()}
    layers: list[list[nn.Parameter]] = [[] for _ in range(len(blocks) + 1)]
    latest = 0
    for parameter in network.parameters():
        latest = place.get(parameter, latest)
        layers[latest].append(parameter)
    return [layer for layer in layers if layer]
