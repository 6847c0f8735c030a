from alframe.installation.versions import installed_version


def test_what_is_installed_and_what_is_not():
    assert installed_version("alframe")
    assert installed_version("no-such-package") is None
