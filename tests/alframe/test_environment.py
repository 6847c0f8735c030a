import json

import torch

from alframe import environment


def test_names_versions_and_device(registry):
    plugin = registry.plugin("alfamix")
    facts = environment.describe(torch.device("cpu"), [plugin])
    assert facts["packages"]["torch"] == torch.__version__
    assert facts["plugins"] == {"alframe/alfamix": plugin.version}
    assert facts["device"] == "cpu"
    json.dumps(facts)
