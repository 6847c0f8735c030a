"""Published weights of timm's networks, in the cache of the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alframe import UsageError

FILES = ("model.safetensors", "pytorch_model.bin")


def pretrained_file(name: str, config: Any, download: bool) -> Path:
    """The file of a network's published weights; fetched where it is missing and that is allowed.

    Args:
        name: what the user calls the network.
        config: timm's description of the weights, or None.
        download: whether fetching is allowed; without it no connection is made.

    Raises:
        UsageError: there are no weights, they are missing, or they can't be fetched.
    """
    from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    if config is None or not config.hf_hub_id:
        raise UsageError(f"timm publishes no weights of {name}: leave model.pretrained out")
    repository, _, given = config.hf_hub_id.partition("@")
    revision = given or None
    files = (config.hf_hub_filename,) if config.hf_hub_filename else FILES
    for file in files:
        cached = try_to_load_from_cache(repository, file, revision=revision)
        if isinstance(cached, str):
            return Path(cached)
    if not download:
        raise UsageError(
            f"the pretrained weights of {name} are not there: {files[0]} of the repository {repository} "
            f"in the cache {constants.HF_HUB_CACHE}; --download fetches them"
        )
    for file in files:
        try:
            return Path(hf_hub_download(repository, file, revision=revision))
        except Exception as error:  # the client raises what its transport does
            if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
                continue  # the repository has the other file
            reason = " ".join(str(error).split())
            raise UsageError(
                f"the pretrained weights of {name} can't be fetched from {repository}: {reason}"
            ) from error
    raise UsageError(f"the repository {repository} has no weights of {name}: none of {', '.join(files)}")
