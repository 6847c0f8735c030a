import pytest

from alframe import PluginError, SourceInfo


@pytest.mark.parametrize(
    ("shown_as", "features", "wanted"),
    [("images", None, True), ("texts", None, True), ("sounds", None, False), ("sounds", len, True)],
)
def test_what_a_model_can_learn(shown_as, features, wanted):
    assert SourceInfo("", open, shown_as=shown_as, features=features).is_learnable is wanted


def test_how_samples_are_shown_is_one_of_three():
    with pytest.raises(PluginError, match="shown_as must be one of images, sounds, texts, got 'films'"):
        SourceInfo("", open, shown_as="films")
