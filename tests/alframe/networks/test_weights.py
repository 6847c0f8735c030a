import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from alframe import DamagedFileError, UsageError, load_weights, read_weights


def network(classes=3):
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, classes))


def load(module, weights, head=("2",)):
    load_weights(module, weights, source="file.pt", network="toy", head=head)


class TestReading:
    @pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
    def test_both_formats(self, tmp_path, name):
        state = network().state_dict()
        path = tmp_path / name
        save_file(state, path) if name.endswith("safetensors") else torch.save(state, path)
        found = read_weights(path)
        assert set(found) == set(state)
        assert all(torch.equal(found[name], state[name]) for name in state)

    @pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
    @pytest.mark.parametrize("content", [b"", b"no weights", None])
    def test_files_that_cannot_be_read(self, tmp_path, name, content):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UsageError, match=f"weights .*{name} can't be read"):
            read_weights(path)

    def test_damage_is_nobodys_fault(self, tmp_path):
        """A file that is not there is the command's fault; one that is damaged is not."""
        for name in ("w.pt", "w.safetensors"):
            with pytest.raises(UsageError) as missing:
                read_weights(tmp_path / name)
            (tmp_path / name).write_bytes(b"no weights")
            with pytest.raises(DamagedFileError) as damaged:
                read_weights(tmp_path / name)
            assert (missing.value.exit_code, damaged.value.exit_code) == (2, 1)

    @pytest.mark.parametrize(
        "state",
        [
            {1: torch.zeros(1)},
            {"a": torch.zeros(2, 2).to_sparse()},
            {"a": torch.zeros(2, device="meta")},
            {"a": {"b": torch.zeros(1)}},
        ],
        ids=["number as name", "sparse", "meta", "nested"],
    )
    @pytest.mark.filterwarnings("ignore::UserWarning")
    def test_a_dictionary_of_something_else(self, tmp_path, state):
        torch.save(state, tmp_path / "w.pt")
        with pytest.raises(UsageError, match="a dictionary of tensors is needed"):
            read_weights(tmp_path / "w.pt")

    def test_a_pickle_that_would_run_a_command_is_refused(self, tmp_path):
        class Attack:
            def __reduce__(self):
                return print, ("harmed",)

        torch.save({"a": Attack()}, tmp_path / "w.pt")
        with pytest.raises(UsageError, match="can't be read"):
            read_weights(tmp_path / "w.pt")

    def test_a_file_that_holds_no_dictionary_of_tensors(self, tmp_path):
        torch.save([1, 2], tmp_path / "w.pt")
        with pytest.raises(UsageError, match="a dictionary of tensors is needed"):
            read_weights(tmp_path / "w.pt")


class TestLoading:
    def test_all_are_taken(self):
        source, target = network(), network()
        load(target, source.state_dict())
        state = target.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in source.state_dict().items())

    @pytest.mark.parametrize("classes", [2, 9])
    def test_a_head_for_other_classes_keeps_its_start(self, classes):
        source, target = network(classes), network()
        start = target[2].weight.clone()
        load(target, source.state_dict())
        assert torch.equal(target[2].weight, start)
        assert torch.equal(target[0].weight, source[0].weight)

    def test_either_may_lack_a_head(self):
        source, target = network(), network()
        load(target, {k: v for k, v in source.state_dict().items() if not k.startswith("2.")})
        assert torch.equal(target[0].weight, source[0].weight)
        load(network()[:2], source.state_dict())

    def test_what_does_not_fit_is_named_and_nothing_is_loaded(self):
        target = network()
        start = {name: value.clone() for name, value in target.state_dict().items()}
        state = network().state_dict()
        del state["0.bias"]
        state["1.weight"] = torch.zeros(7)
        state["extra"] = torch.zeros(1)
        with pytest.raises(UsageError) as caught:
            load(target, state)
        assert str(caught.value) == (
            "file.pt does not hold weights for toy: 1 missing (0.bias); 1 unexpected (extra); "
            "1 of another shape (1.weight)"
        )
        assert all(torch.equal(value, start[name]) for name, value in target.state_dict().items())

    def test_many_names_are_cut_short(self):
        with pytest.raises(UsageError, match=r"8 missing \(0.bias, .*, \.\.\.\); 1 unexpected \(x\)"):
            load(network(), {"x": torch.zeros(1)}, head=())

    def test_counters_that_files_of_old_versions_lack(self):
        source, target = network(), network()
        state = source.state_dict()
        del state["1.num_batches_tracked"]
        state["1.running_mean"] = torch.full((5,), 3.0)
        load(target, state)
        assert torch.equal(target[1].running_mean, torch.full((5,), 3.0))
