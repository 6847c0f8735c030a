import threading

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from sklearn.linear_model import LogisticRegression

import alframe
from alframe import UsageError, seeds

RNG = np.random.default_rng(0)
X, W, B = RNG.normal(size=(60, 8)), RNG.normal(size=(3, 8)), RNG.normal(size=3)
XL, YL = RNG.normal(size=(12, 8)), np.arange(12) % 3


def ask(strategy="margin", **changes):
    arguments = {
        "features": X,
        "head": (W, B),
        "n": 7,
        "labelled_features": XL,
        "labelled_targets": YL,
        "device": "cpu",
    }
    return alframe.query(strategy, **(arguments | changes))


@pytest.mark.parametrize("strategy", ["random", "entropy", "margin", "least-confidence", "alfamix"])
def test_every_strategy_answers(strategy):
    result = ask(strategy)
    assert result.indices.dtype == torch.int64
    assert len(result.indices.unique()) == 7
    assert result.topped_up >= 0
    assert result.seconds > 0
    assert (result.scores is None) == (strategy == "random")


def test_margin_by_hand():
    logits = X @ W.T + B
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    first, second = np.sort(p)[:, -1], np.sort(p)[:, -2]
    result = ask("margin")
    np.testing.assert_allclose(result.scores, second - first, atol=1e-6)
    assert result.indices.tolist() == np.argsort(first - second)[:7].tolist()


def test_arrays_and_tensors_of_any_precision_give_the_same():
    wanted = ask().indices.tolist()
    assert ask(features=torch.from_numpy(X)).indices.tolist() == wanted
    assert (
        ask(features=X.astype(np.float32), head=(torch.tensor(W), torch.tensor(B))).indices.tolist() == wanted
    )
    linear = torch.nn.Linear(8, 3)
    linear.weight.data, linear.bias.data = torch.tensor(W).float(), torch.tensor(B).float()
    assert ask(head=linear).indices.tolist() == wanted


def test_a_head_without_bias():
    assert torch.equal(ask(head=(W, None)).indices, ask(head=(W, np.zeros(3))).indices)


def test_a_non_linear_head():
    torch.manual_seed(0)
    head = torch.nn.Sequential(torch.nn.Linear(8, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
    for strategy in ("entropy", "alfamix"):
        assert len(ask(strategy, head=head).indices) == 7


def test_the_input_is_left_as_it_was():
    features = torch.tensor(X, dtype=torch.float32)
    before = features.clone()
    ask("alfamix", features=features)
    assert torch.equal(features, before)


def test_seeds():
    assert torch.equal(ask("random", seed=1).indices, ask("random", seed=1).indices)
    assert not torch.equal(ask("random", seed=1).indices, ask("random", seed=2).indices)


def test_options_and_stages():
    assert ask("alfamix", options={"cap": 0.1}).scores is not None
    mixed = ask("margin", stages={"select": "alfamix"}, options={"alfamix": {"cap": 0.9}})
    assert len(mixed.indices) == 7
    assert mixed.logged["alfamix"]["candidates"] > 0


def test_no_labelled_set_in_whichever_way():
    plain = ask("coreset", labelled_features=None, labelled_targets=None).indices
    for features in ([], np.zeros((0, 8)), pd.DataFrame(columns=range(8))):
        assert torch.equal(ask("coreset", labelled_features=features, labelled_targets=[]).indices, plain)


def test_random_needs_nothing_but_features():
    result = alframe.query("random", features=X, n=3)
    assert len(result.indices) == 3


def test_a_budget_above_the_pool_is_the_pool():
    assert sorted(ask(n=1000).indices.tolist()) == list(range(60))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n": 0}, "n must be at least 1, got 0"),
        ({"features": X[:0]}, "pool is empty"),
        ({"features": X[:, 0]}, r"features must be a matrix.*\[60\]"),
        ({"features": np.full((5, 8), np.nan)}, "features contain NaN"),
        ({"labelled_features": XL[:, :4]}, "features have 8 columns, labelled_features 4"),
        ({"labelled_targets": YL[:3]}, "12 labelled_features but 3 labelled_targets"),
        ({"labelled_targets": YL + 1}, r"labelled_targets must lie in 0..2"),
        ({"head": (W[:, :4], B)}, "the head takes 4"),
        ({"head": (W, B[:2])}, "bias must have 3 numbers"),
        ({"head": 3}, r"head must be \(W, b\)"),
        ({"head": None}, r"pass head=\(W, b\)"),
        ({"options": {"capp": 1}}, "unknown option of 'margin' 'capp'"),
        ({"stages": {"select": "entropy"}}, "no select stage"),
        ({"device": "gpu"}, "device 'gpu'"),
    ],
)
def test_mistakes_are_named(changes, message):
    with pytest.raises(UsageError, match=message):
        ask(**changes)


def test_an_unknown_strategy():
    with pytest.raises(UsageError, match="Did you mean 'margin'"):
        ask("margn")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("strategy", ["random", "entropy", "margin", "least-confidence", "alfamix"])
def test_the_device_does_not_change_the_answer(strategy):
    on_cpu, on_cuda = ask(strategy), ask(strategy, device="cuda")
    if on_cpu.scores is not None:
        torch.testing.assert_close(on_cuda.scores, on_cpu.scores, rtol=1e-4, atol=1e-5)
    assert on_cuda.indices.device.type == "cpu"
    if strategy != "alfamix":  # k-means adds up in another order there
        assert torch.equal(on_cuda.indices, on_cpu.indices)


FEW = {  # of what takes long
    **{name: {"steps": 5} for name in ("activeft", "coregcn", "learningloss", "uncertaingcn")},
    "refine": {"depth": 1, "subsets": 1, "strategies": ("random", "alfamix", "badge")},
    "selectal": {"repeats": 1, "draws": 1},
}


class TestWhatUsersHave:
    """Each strategy, with each kind of input: the answer is that of plain float32, or one clear line."""

    STRATEGIES = (
        *("activeft", "alfamix", "anchoral", "badge", "bait", "balanced", "bald", "base", "cal", "cdal"),
        *(
            "centroids",
            "clustermargin",
            "coregcn",
            "coreset",
            "dal",
            "dcom",
            "direct",
            "dropquery",
            "entropy",
        ),
        *("falcun", "freesel", "galaxy", "lcmd", "learningloss", "least-confidence", "margin", "maxdet"),
        *("maxherding", "powerbald", "powerentropy", "powermargin", "probcover", "random"),
        *("randomweighted", "refine", "seals", "selectal", "stochastic", "tcm", "typiclust", "uherding"),
        *("uncertaingcn",),
    )
    NEED_NO_HEAD = (
        *("activeft", "centroids", "coregcn", "coreset", "dal", "freesel", "lcmd", "maxdet", "maxherding"),
        *("probcover", "random", "selectal", "stochastic", "tcm", "typiclust", "uncertaingcn"),
    )
    X32, W32, B32, XL32 = (a.astype(np.float32) for a in (X, W, B, XL))

    @classmethod
    def read_only(cls):
        array = cls.X32.copy()
        array.flags.writeable = False
        return array

    @classmethod
    def double(cls):
        layer = torch.nn.Linear(8, 3).double()
        layer.weight.data, layer.bias.data = torch.tensor(cls.W32).double(), torch.tensor(cls.B32).double()
        return layer

    @classmethod
    def same(cls):
        """Inputs that mean the same as plain float32 ones."""
        series = pd.Series(YL, index=range(100, 112))
        return {
            "float64": {
                "features": cls.X32.astype(float),
                "head": (cls.W32.astype(float), cls.B32.astype(float)),
            },
            "lists": {"features": cls.X32.tolist(), "labelled_targets": YL.tolist()},
            "big-endian": {"features": cls.X32.astype(">f4"), "labelled_targets": YL.astype(">i8")},
            "negative strides": {"features": np.ascontiguousarray(cls.X32[::-1])[::-1]},
            "by columns": {"features": np.asfortranarray(cls.X32)},
            "read-only": {"features": cls.read_only()},
            "DataFrame": {"features": pd.DataFrame(cls.X32), "labelled_features": pd.DataFrame(cls.XL32)},
            "named columns": {
                "features": pd.DataFrame(cls.X32, columns=list("abcdefgh"), index=range(60, 0, -1))
            },
            "Series": {"labelled_targets": series},
            "shuffled Series": {"labelled_targets": pd.Series(YL, index=range(11, -1, -1))},
            "float labels": {"labelled_targets": YL.astype(float)},
            "sparse": {"features": sp.csr_matrix(cls.X32), "labelled_features": sp.csc_array(cls.XL32)},
            "unmasked": {"features": np.ma.masked_array(cls.X32)},
            "n=5.0": {"n": 5.0, "num_classes": 3.0, "seed": np.int64(0)},
            "with gradient": {"features": torch.tensor(cls.X32, requires_grad=True)},
            "Linear in float64": {"head": cls.double()},
        }

    def ask(self, strategy, **changes):
        arguments = {
            "features": self.X32,
            "head": (self.W32, self.B32),
            "labelled_features": self.XL32,
            "n": 5,
        }
        if strategy in FEW:
            arguments["options"] = FEW[strategy]
        return ask(strategy, **(arguments | changes))

    @pytest.mark.filterwarnings("ignore::alframe.AlframeWarning")
    @pytest.mark.parametrize("strategy", STRATEGIES)
    def test_the_answer_is_that_of_plain_float32(self, strategy):
        plain = self.ask(strategy).indices.tolist()
        for kind, changes in self.same().items():
            assert self.ask(strategy, **changes).indices.tolist() == plain, kind

    @pytest.mark.filterwarnings("ignore::alframe.AlframeWarning")
    @pytest.mark.parametrize("strategy", STRATEGIES)
    @pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
    def test_the_answer_is_the_same_in_every_mode_of_torch(self, strategy, mode):
        with mode():
            features, head = torch.tensor(self.X32), (torch.tensor(self.W32), torch.tensor(self.B32))
            picks = self.ask(strategy, features=features, head=head).indices
        assert torch.equal(picks, self.ask(strategy).indices)

    WRONG = (
        ({"n": 2.5}, "n must be a whole number, got 2.5"),
        ({"n": "3"}, "n must be a whole number, got '3'"),
        ({"n": None}, "n must be a whole number"),
        ({"n": True}, "n must be a whole number"),
        ({"seed": None}, "seed must be a whole number"),
        ({"device": "meta"}, "device 'meta' can't be used"),
        ({"device": None}, "device 'None' can't be used"),
        ({"features": np.ma.masked_array(X, mask=X > 2)}, "masked values"),
        ({"features": torch.empty(60, 8, device="meta")}, "'meta'"),
        ({"features": np.full((60, 8), "a", dtype=object)}, "got str"),
        (
            {"features": np.where(X > 2, np.nan, X)},
            r"features contain NaN .* rows and .* columns, the first in row",
        ),
        ({"labelled_targets": YL + 0.5}, "labelled_targets must be class numbers"),
        ({"labelled_targets": np.where(YL == 2, np.nan, YL)}, "4 of 12 labelled_targets are missing"),
        ({"labelled_targets": np.eye(3)[YL]}, "argmax"),
        ({"labelled_targets": [str(y) for y in YL], "classes": [0, 1, 2]}, "has '0' at 0, and classes has 0"),
        ({"head": (W, B * np.nan)}, "the head's biases contain NaN"),
        ({"head": (W * np.inf, B)}, "the head's weights contain NaN or infinite"),
        ({"head": torch.nn.Linear(5, 3)}, "features have 8 columns, the head takes 5"),
        ({"head": torch.nn.Sequential(torch.nn.Linear(5, 3))}, "the head can't take features"),
        ({"stages": {"selct": "coreset"}}, "unknown stage 'selct'. Did you mean 'select'?"),
        ({"stages": {"select": 3}}, "unknown plugin for --select 3"),
        ({"stages": "coreset"}, "stages must be a dictionary"),
        ({"options": [1]}, "options must be a dictionary"),
    )

    @pytest.mark.parametrize("strategy", ["random", "alfamix", "badge"])
    def test_what_cannot_be_used_is_one_line_whoever_is_asked(self, strategy):
        for changes, message in self.WRONG:
            with pytest.raises(UsageError, match=message) as caught:
                self.ask(strategy, **changes)
            assert "\n" not in str(caught.value)

    @pytest.mark.filterwarnings("ignore::alframe.AlframeWarning")
    @pytest.mark.parametrize("strategy", STRATEGIES)
    @pytest.mark.parametrize(
        "changes",
        [
            {"head": (W * 1e30, B)},
            {"head": (W * 1e15, B), "features": X32 * 1e24, "labelled_features": XL32 * 1e24},
        ],
    )
    def test_a_head_beyond_a_floats_range_is_refused_by_those_who_look_at_it(self, strategy, changes):
        if strategy in self.NEED_NO_HEAD and "features" not in changes:
            assert len(self.ask(strategy, **changes).indices) == 5
        elif strategy not in self.NEED_NO_HEAD:
            with pytest.raises(UsageError, match="as large as|not finite"):
                self.ask(strategy, **changes)

    @pytest.mark.filterwarnings("ignore::alframe.AlframeWarning")
    @pytest.mark.parametrize(
        "strategy", ["coreset", "alfamix", "badge", "coregcn", "uncertaingcn", "centroids"]
    )
    def test_features_without_distances_are_the_users(self, strategy):
        with pytest.raises(UsageError, match="features are as large as|not finite|beyond float32"):
            self.ask(strategy, features=self.X32 * 1e30)

    def test_large_features_are_no_matter_where_there_is_no_distance(self):
        scaled = self.ask("margin", features=self.X32 * 2.0**99, head=(self.W32 * 2.0**-99, self.B32))
        assert torch.equal(scaled.indices, self.ask("margin").indices)

    @pytest.mark.filterwarnings("ignore::alframe.AlframeWarning")
    @pytest.mark.parametrize("strategy", STRATEGIES)
    @pytest.mark.parametrize("num_classes", [None, 2])
    def test_a_head_of_one_output_is_that_of_two_classes(self, strategy, num_classes):
        w, b = self.W32[:1], self.B32[:1]
        two = np.concatenate([-w / 2, w / 2]), np.concatenate([-b / 2, b / 2])
        arguments = {"labelled_targets": YL % 2, "num_classes": num_classes}
        result = self.ask(strategy, head=(w, b), **arguments)
        assert torch.equal(result.indices, self.ask(strategy, head=two, **arguments).indices)
        if strategy == "margin":
            p = 1 / (1 + np.exp(-(self.X32 @ w[0] + b[0])))
            np.testing.assert_allclose(result.scores, -np.abs(2 * p - 1), atol=1e-6)

    def test_labels_that_such_a_head_does_not_know(self):
        with pytest.raises(UsageError, match=r"labelled_targets must lie in 0..1, got 0..2"):
            self.ask("margin", head=(self.W32[:1], self.B32[:1]))

    def test_a_module_in_training_mode_is_left_in_it(self):
        head = torch.nn.Sequential(torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 3))
        for strategy in ("margin", "alfamix"):
            first, second = (self.ask(strategy, head=head) for _ in range(2))
            assert torch.equal(first.indices, second.indices)
        assert all(part.training for part in head)
        assert head[0].num_batches_tracked == 0

    def test_a_head_without_gradient_is_to_blame_not_the_plugin(self):
        class Leaves(torch.nn.Module):
            def forward(self, x):
                return torch.tensor(x.detach().numpy() @ W.T + B)

        margins = self.ask("margin", head=Leaves()).indices
        assert torch.equal(margins, self.ask("margin").indices)
        with pytest.raises(UsageError, match="needs the gradient"):
            self.ask("alfamix", head=Leaves())

    def test_a_scikit_learn_classifier(self):
        model = LogisticRegression().fit(XL, YL)
        probs = np.sort(model.predict_proba(X), axis=1)
        wanted = np.argsort(probs[:, -1] - probs[:, -2])[:5]
        assert self.ask("margin", head=model).indices.tolist() == wanted.tolist()


def test_queries_in_threads_draw_from_no_common_state():
    entered, result = threading.Event(), {}

    def other():
        entered.wait(1)
        result["other"] = ask("bald", seed=2).scores

    thread = threading.Thread(target=other)
    thread.start()
    alone = ask("bald", seed=2).scores
    before = torch.get_rng_state()
    with seeds.global_stream(0, "another thread's block"):
        entered.set()
        thread.join(5)  # it does not wait for the block's end
        first = torch.rand(3)
    assert torch.equal(result["other"], alone)
    assert torch.equal(torch.get_rng_state(), before)
    with seeds.global_stream(0, "another thread's block"):
        assert torch.equal(torch.rand(3), first)
