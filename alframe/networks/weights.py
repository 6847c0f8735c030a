"""Weights from files, for networks that do not start at random."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from alframe.errors import DamagedFileError, UsageError
from alframe.networks.nesting import is_too_deep

SHOWN_NAMES = 5
# A counter of batch normalisation that files of old torch versions lack.
COUNTER = "num_batches_tracked"


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Reads a state dictionary, of ``torch.save`` or safetensors; code in the file is never run.

    Args:
        path: the file; its ending ``.safetensors`` tells the two apart.

    Returns:
        Tensors by name, on the CPU.

    Raises:
        UsageError: the file can't be read, or holds something else than weights.
        DamagedFileError: it is cut off, forged, or no file of its format.
    """
    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        with path.open("rb") as file:
            if is_too_deep(file):
                raise DamagedFileError(f"weights {path} can't be read: values are nested beyond all measure")
        state = loaded(path)
    except ImportError as error:
        raise UsageError(
            f"{path} needs the package safetensors; alframe's extra `weights` brings it"
        ) from error
    except OSError as error:
        raise UsageError(f"weights {path} can't be read: {error.strerror or error}") from error
    except DamagedFileError:
        raise
    except Exception as error:  # what torch and safetensors raise depends on the damage
        raise DamagedFileError(
            f"weights {path} can't be read ({type(error).__name__}): damaged, or no weights"
        ) from error
    if not isinstance(state, dict) or not all(map(_is_named_tensor, state.items())):
        raise UsageError(
            f"weights {path}: a dictionary of tensors is needed, as torch.save(model.state_dict()) makes"
        )
    return state


def loaded(file: Any) -> Any:
    """What `torch.save` wrote, on the CPU; code in it is never run, and torch's remarks are left out.

    Args:
        file: a path, or an open file.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.load(file, map_location="cpu", weights_only=True)


def _is_named_tensor(item: tuple[Any, Any]) -> bool:
    """Whether it is a name with numbers that a network can take: those of some tensors are nowhere."""
    name, value = item
    if not (isinstance(name, str) and isinstance(value, Tensor)):
        return False
    return value.layout == torch.strided and not (value.is_meta or value.is_quantized or value.is_nested)


def load_weights(
    module: nn.Module,
    weights: Mapping[str, Tensor],
    *,
    source: str | Path,
    network: str,
    head: tuple[str, ...] = (),
) -> None:
    """Puts weights into a module; all of them must fit, but for the head.

    Args:
        module: what takes the weights.
        weights: tensors under the names of the module's own state dictionary, as `read_weights` returns.
        source: where they come from, for messages.
        network: what the module is called in messages.
        head: names of the module's last layers, as ``"fc"``; where the weights have none of these, or
            others in number or shape, the module's keep their start.

    Raises:
        UsageError: tensors are missing, unexpected or of another shape; the message names them.

    Example:
        >>> import torch
        >>> from alframe import load_weights
        >>> layer = torch.nn.Linear(2, 1)
        >>> state = {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}
        >>> load_weights(layer, state, source="memory", network="a layer")
        >>> layer.weight.tolist()
        [[1.0, 1.0]]
    """
    own = module.state_dict()

    def may_differ(name: str) -> bool:
        return name.rpartition(".")[0] in head

    given = {
        name: value
        for name, value in weights.items()
        if not may_differ(name) or (name in own and own[name].shape == value.shape)
    }
    absent = sorted(set(own) - set(given))
    missing = [name for name in absent if not may_differ(name) and not name.endswith(COUNTER)]
    unexpected = sorted(set(given) - set(own))
    wrong = sorted(name for name in set(own) & set(given) if own[name].shape != given[name].shape)
    problems = [
        f"{len(names)} {what} ({', '.join(names[:SHOWN_NAMES])}{', ...' if len(names) > SHOWN_NAMES else ''})"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", wrong))
        if names
    ]
    if problems:
        raise UsageError(f"{source} does not hold weights for {network}: {'; '.join(problems)}")
    module.load_state_dict(given, strict=False)
