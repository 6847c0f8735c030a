import copy
import math
import threading

import numpy as np
import pytest
import torch
from torch import nn

from alframe import UsageError
from alframe.learning.heads import Unusable, as_head, classes_of

RNG = np.random.default_rng(0)
X = torch.tensor(RNG.normal(size=(40, 8)), dtype=torch.float32)
W, B = RNG.normal(size=(3, 8)), RNG.normal(size=3)
LOGITS = (X.double() @ torch.tensor(W).T + torch.tensor(B)).float()


def head_of(given, features=X):
    return as_head(given, features, float(features.abs().max()))


def module(dtype=torch.float32):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 3)).to(
        dtype
    )


class Leaves(nn.Module):
    """Leaves torch, so its logits have no gradient and are in double precision."""

    def forward(self, x):
        return torch.tensor(x.detach().numpy() @ W.T + B)


class Refuses(nn.Module):
    """Can't be asked for a gradient at all."""

    def forward(self, x):
        return torch.tensor(x.numpy() @ W.T + B)


class TestWeights:
    @pytest.mark.parametrize(
        "given", [(W, B), [W, B], (W.tolist(), B.tolist()), (torch.tensor(W), B[:, None])]
    )
    def test_a_linear_layer(self, given):
        head = head_of(given)
        assert isinstance(head, nn.Linear)
        assert (head.in_features, head.out_features, classes_of(head, X)) == (8, 3, 3)
        torch.testing.assert_close(head(X).detach(), LOGITS)

    def test_none_is_drawn(self):
        before = torch.get_rng_state()
        head_of((W, None))
        assert torch.equal(torch.get_rng_state(), before)

    @pytest.mark.parametrize("weight", [W[:1], W[0]])
    @pytest.mark.parametrize("bias", [B[:1], B[0], None])
    def test_one_row_is_the_logit_of_the_second_of_two_classes(self, weight, bias):
        logits = head_of((weight, bias))(X).detach()
        z = X.double() @ torch.tensor(W[0]) + (0 if bias is None else B[0])
        torch.testing.assert_close(logits.double().softmax(dim=1)[:, 1], z.sigmoid(), atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(
            logits.sum(dim=1), torch.zeros(len(X)), atol=1e-6, rtol=0
        )  # no class preferred

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (3, r"head must be \(W, b\).* got int"),
            ((W, B, 1), r"head must be \(W, b\).* got tuple"),
            (W[:2], r"head must be \(W, b\).* got ndarray"),
            ({"weight": W, "bias": B}, r"head must be \(W, b\).* got dict"),
            ((W.T, B), "the head takes 3; W.T takes 8"),
            ((W[:, :4], B), "features have 8 columns, the head takes 4"),
            ((W[None], B), r"one row a class, got shape \[1, 3, 8\]"),
            ((W[:0], None), r"one row a class, got shape \[0, 8\]"),
            ((W, B[:2]), "bias must have 3 numbers"),
            ((W[:1], B), "bias must have 1 numbers"),
            ((W, [1, None, 2]), "the head's biases contain NaN"),
            ((W, B * np.inf), "the head's biases contain NaN or infinite"),
            ((W * np.nan, B), "the head's weights contain NaN or infinite"),
            ((W, "abc"), "the head's bias must be an array or tensor of numbers"),
        ],
    )
    def test_what_is_no_head_is_one_line(self, given, message):
        with pytest.raises(UsageError, match=message):
            head_of(given)

    @pytest.mark.parametrize(
        ("given", "features", "message"),
        [
            ((W * 1e30, B), X, "the head's weights are as large as .*e.30"),
            ((W, B), X * 1e38, r"not finite for \d+ of 40 rows"),
            ((W * 1e15, B), X * 1e24, r"not finite for \d+ of 40 rows"),
        ],
    )
    def test_logits_beyond_a_floats_range_are_refused_when_asked_for(self, given, features, message):
        head = head_of(given, features)
        assert classes_of(head, features) == 3
        with pytest.raises(UsageError, match=message):
            head(features)

    def test_large_logits_within_the_range_are_not(self):
        assert isinstance(head_of((W * 1e15, B)), nn.Linear)
        assert isinstance(head_of((W * 1e-20, None), X * 1e30), nn.Linear)
        assert isinstance(
            head_of((np.eye(3, 8) * 5e18, None), X * 1e19), nn.Linear
        )  # the bound is too cautious


class TestModules:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
    def test_of_any_precision_computes_in_float32(self, dtype):
        given = module(dtype)
        logits = head_of(given)(X)
        assert (logits.dtype, logits.shape) == (torch.float32, (40, 3))
        torch.testing.assert_close(logits, copy.deepcopy(given).float().eval()(X))

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("fails", [False, True])
    def test_is_left_as_it_was(self, dtype, fails):
        given = module(dtype)
        given[1].eval()
        given[4].weight.requires_grad_(False)
        given[0].weight.grad = torch.ones_like(given[0].weight)
        state, modes = copy.deepcopy(given.state_dict()), [part.training for part in given.modules()]
        if fails:
            with pytest.raises(UsageError, match="can't take features"):
                head_of(given, X[:, :4])
        else:
            head_of(given).train()(X)
        assert all(torch.equal(value, state[name]) for name, value in given.state_dict().items())
        assert [part.training for part in given.modules()] == modes
        assert [p.requires_grad for p in given.parameters()] == [True, True, True, True, False, True]
        assert given[0].weight.grad.sum() == 40
        assert not any(part._forward_hooks or part._forward_pre_hooks for part in given.modules())

    def test_one_that_casts_by_itself_stays_in_its_precision(self):
        class Casts(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(8, 3).double()

            def forward(self, x):
                assert self.layer.weight.dtype == torch.float64
                return self.layer(x.double())

        assert head_of(Casts())(X).dtype == torch.float32

    def test_a_linear_one_is_a_linear_layer(self):
        layer = nn.Linear(8, 3).double()
        head = head_of(layer)
        assert isinstance(head, nn.Linear)
        torch.testing.assert_close(head(X), layer.float()(X))

    def test_a_linear_one_with_more_to_it_is_no_linear_layer(self):
        layer = nn.Linear(8, 3)
        layer.register_forward_hook(lambda module, given, logits: logits.clamp(min=0))
        head = head_of(layer)
        assert not isinstance(head, nn.Linear)
        assert head(X).min() == 0

    @pytest.mark.parametrize("squeeze", [nn.Identity(), nn.Flatten(0)])
    def test_one_output_is_the_logit_of_the_second_of_two_classes(self, squeeze):
        body = nn.Sequential(nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 1), squeeze)
        head = head_of(body)
        assert classes_of(head, X) == 2
        torch.testing.assert_close(head(X).softmax(dim=1)[:, 1], body(X).reshape(-1).sigmoid())
        layer = nn.Linear(8, 1)
        assert isinstance(head_of(layer), nn.Linear)
        torch.testing.assert_close(head_of(layer)(X).softmax(dim=1)[:, 1], layer(X)[:, 0].sigmoid())

    @pytest.mark.parametrize("given", [Leaves(), Refuses()])
    def test_one_without_gradient_is_to_blame_where_one_is_asked_for(self, given):
        head = head_of(given)
        with torch.no_grad():
            torch.testing.assert_close(head(X), LOGITS)
        with pytest.raises(UsageError, match="needs the gradient of the head's logits"):
            head(X.clone().requires_grad_())

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (nn.Linear(4, 3), "features have 8 columns, the head takes 4"),
            (
                nn.Sequential(nn.Linear(4, 3)),
                r"can't take features, here a float32 tensor of shape \[5, 8\]: Run",
            ),
            (nn.Unflatten(1, (2, 4)), r"got shape \[5, 2, 4\] of 5 rows"),
            (nn.Flatten(0), r"got shape \[40\] of 5 rows"),
            (nn.LSTM(8, 3), "must return a tensor of logits, got tuple"),
            (nn.Linear(8, 3, device="meta"), "the head's weights have no numbers"),
            (nn.Sequential(nn.Linear(8, 3, device="meta")), "can't be moved to cpu"),
        ],
    )
    def test_what_is_no_head_is_one_line(self, given, message):
        with pytest.raises(UsageError, match=message) as caught:
            head_of(given)
        assert "\n" not in str(caught.value)

    def test_weights_that_are_not_finite(self):
        given = module()
        given[0].bias.data[2] = math.nan
        with pytest.raises(UsageError, match=r"the head's numbers '0.bias' contain NaN"):
            head_of(given)

    def test_logits_that_are_not_finite_are_refused_when_asked_for(self):
        head = head_of(
            nn.Sequential(nn.Linear(8, 3), nn.Hardtanh(-3e38, 3e38), nn.Threshold(math.inf, math.inf))
        )
        assert isinstance(head, Unusable)
        with pytest.raises(UsageError, match="logits are not finite for 5 of 5 rows"):
            head(X)
        late = X.clone()
        late[30:] = 1e30
        head = head_of(nn.Sequential(nn.Linear(8, 3), nn.Softplus(), nn.Linear(3, 3), Square()), late)
        assert torch.isfinite(head(late[:30])).all()
        with pytest.raises(UsageError, match="not finite for 10 of 40 rows"):
            head(late)

    def test_a_strategy_may_map_over_its_rows(self):
        head = head_of(module())
        torch.testing.assert_close(torch.vmap(lambda row: head(row[None])[0])(X), head(X))

    @pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning", "ignore:.*torch.jit:DeprecationWarning")
    def test_one_that_was_compiled_to_torchscript(self):
        head = head_of(torch.jit.script(module().eval()))
        torch.testing.assert_close(head(X), module().eval()(X))

    def test_one_that_ends_the_program(self):
        class Ends(nn.Module):
            def forward(self, x):
                raise SystemExit(3)

        with pytest.raises(UsageError, match="SystemExit: 3"):
            head_of(Ends())

    def test_one_that_cannot_be_copied_is_used_all_the_same(self):
        given = module()
        given.lock, given.generator = threading.Lock(), torch.Generator()
        torch.testing.assert_close(head_of(given)(X), module().eval()(X))

    @pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
    def test_one_that_keeps_results_with_a_history(self):
        given = nn.Sequential(nn.utils.weight_norm(nn.Linear(8, 5)), nn.ReLU(), nn.Linear(5, 3))
        given(X)
        torch.testing.assert_close(head_of(given)(X), given(X))


class Square(nn.Module):
    def forward(self, x):
        return x * x
