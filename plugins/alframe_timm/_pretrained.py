"""Published weights of timm's networks, in the cache of the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alframe import ModelRequest, UsageError, pretrained_file

FILES = ("model.safetensors", "pytorch_model.bin")


def file_on_hub(name: str, config: Any, request: ModelRequest) -> Path:
    """The file of a network's published weights; fetched where it is missing and that is allowed.

    Args:
        name: what the user calls the network.
        config: timm's description of the weights, or None.
        request: number of channels, and whether fetching is allowed.

    Raises:
        UsageError: there are no weights, they don't suit, they are missing, or they can't be fetched.
    """
    from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    if config is None or not config.hf_hub_id:
        raise UsageError(f"timm publishes no weights of {name}: leave model.pretrained out")
    repository, _, given = config.hf_hub_id.partition("@")
    revision = given or None
    files = (config.hf_hub_filename,) if config.hf_hub_filename else FILES
    cached = (try_to_load_from_cache(repository, file, revision=revision) for file in files)
    kept = next((Path(path) for path in cached if isinstance(path, str)), None)

    def fetch() -> Path:
        for file in files:
            try:
                return Path(hf_hub_download(repository, file, revision=revision))
            except EntryNotFoundError as error:
                if isinstance(error, LocalEntryNotFoundError):
                    raise
                # the repository has the other file
        raise UsageError(f"the repository {repository} has no weights of {name}: none of {', '.join(files)}")

    missing = f"{files[0]} of the repository {repository} in the cache {constants.HF_HUB_CACHE}"
    return pretrained_file(name, request, kept, missing=missing, source=repository, fetch=fetch)
