import pytest
import torch
from torch import nn

from alframe import without_compiler

KINDS = [
    (torch.optim.Adam, {"lr": 1e-2, "weight_decay": 1e-3, "fused": True}),
    (torch.optim.AdamW, {"lr": 1e-2, "weight_decay": 1e-1, "fused": True}),
    (torch.optim.SGD, {"lr": 1e-2, "momentum": 0.9, "weight_decay": 1e-3, "fused": True}),
    (torch.optim.LBFGS, {"lr": 0.1, "line_search_fn": "strong_wolfe"}),
]


def trained(make, options):
    """A network after ten steps with a falling learning rate, and the optimiser's state."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
        x, y = torch.randn(20, 4), torch.randint(3, (20,))
    optimizer = make(network.parameters(), **options)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.9**epoch)

    def closure():
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(network(x), y)
        loss.backward()
        return loss

    losses = []
    for _ in range(10):
        losses.append(optimizer.step(closure))
        schedule.step()
    weights = torch.cat([weight.detach().flatten() for weight in network.parameters()])
    return weights, torch.stack(losses), optimizer.state_dict()


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_the_steps_are_those_of_torch(kind, options):
    wanted, found = trained(kind, options), trained(without_compiler(kind), options)
    assert torch.equal(found[0], wanted[0])
    assert torch.equal(found[1], wanted[1])
    assert str(found[2]) == str(wanted[2])


def test_it_is_the_same_class_each_time_and_one_of_torchs():
    kind = without_compiler(torch.optim.Adam)
    assert without_compiler(torch.optim.Adam) is kind
    assert issubclass(kind, torch.optim.Adam)
    optimizer = kind([torch.zeros(2, requires_grad=True)], lr=0.5)
    optimizer.add_param_group({"params": [torch.zeros(1, requires_grad=True)], "lr": 0.25})
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.25]


def test_torchs_own_stays_as_it_is_also_where_it_was_used_before():
    weights = torch.ones(2, requires_grad=True)
    torch.optim.Adam([weights])  # wraps the method of the class
    step = torch.optim.Adam.step
    without_compiler(torch.optim.Adam)([weights])
    assert torch.optim.Adam.step is step


def test_gradients_are_taken_after_a_step_as_before():
    weights = torch.ones(2, requires_grad=True)
    optimizer = without_compiler(torch.optim.SGD)([weights], lr=1.0)
    weights.sum().backward()
    optimizer.step()
    assert torch.is_grad_enabled()
    assert weights.requires_grad
    assert weights.grad_fn is None


@pytest.mark.parametrize("kind", ["Adam", "AdamW", "SGD", "LBFGS"])
def test_torchs_compiler_is_not_imported(kind, forks):
    code = (
        "import sys, torch; from alframe import without_compiler; w = torch.ones(2, requires_grad=True);"
        f"o = without_compiler(torch.optim.{kind})([w]); s = torch.optim.lr_scheduler.LambdaLR(o, float);"
        "f = lambda: (w**2).sum(); f().backward(); o.step(f); o.zero_grad(); s.step();"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert forks.run(code).returncode == 0
