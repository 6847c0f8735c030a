"""CUDA graphs without CUDA: doubles of what captures training steps."""

import contextlib

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from alframe.defaults.updates import Update


class GraphOfOperations(TorchDispatchMode):
    """A CUDA graph on the CPU: the same operations again, on tensors that stay where they are.

    Capturing leaves no trace, what Python decides is decided once, and reading a number is refused.
    """

    def __init__(self, run):
        super().__init__()
        self.operations, self.kept, self.known = [], [], set()
        with self, torch.random.fork_rng():
            run()
        with torch.no_grad():
            for tensor, before in self.kept:
                tensor.copy_(before)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        for tensor in pytree.tree_leaves((args, kwargs)):
            if isinstance(tensor, Tensor) and id(tensor) not in self.known:
                self.known.add(id(tensor))
                self.kept.append((tensor, tensor.detach().clone()))
        out = func(*args, **(kwargs or {}))
        self.known |= {id(tensor) for tensor in pytree.tree_leaves(out)}
        self.operations.append((func, args, kwargs or {}, out))
        return out

    @torch.no_grad()
    def replay(self):
        for func, args, kwargs, out in self.operations:
            if func.is_view:
                continue
            for old, new in zip(
                pytree.tree_leaves(out), pytree.tree_leaves(func(*args, **kwargs)), strict=True
            ):
                if isinstance(old, Tensor) and old is not new:
                    old.copy_(new)


class RecorderOnCPU:
    """Captures as `GraphOfOperations` do."""

    replays = 0

    def __init__(self, device):
        pass

    def apart(self):
        return contextlib.nullcontext()

    def random_state(self):
        before = torch.get_rng_state()
        return lambda: torch.set_rng_state(before)

    def record(self, run):
        graph = GraphOfOperations(run)

        def replay():
            RecorderOnCPU.replays += 1
            graph.replay()

        return replay


def capture_on_cpu(monkeypatch):
    """Captures on the CPU; the learning rate is a tensor, as on a GPU, and dropout's stream the device's."""
    monkeypatch.setattr("alframe.defaults.capture.Recorder", RecorderOnCPU)
    monkeypatch.setattr("alframe.defaults.capture._host_random_states", lambda: ())
    made = Update.__init__

    def with_a_tensor(update, model, recipe):
        made(update, model, recipe)
        update._rate = torch.tensor(recipe.learning_rate)

    monkeypatch.setattr(Update, "__init__", with_a_tensor)
    RecorderOnCPU.replays = 0
