import click
import pytest

from alframe_cli.flags import GroupedCommand, default_of, group, help_of, key_flag, keys_of


@click.command(cls=GroupedCommand)
@group(
    "First",
    key_flag("run.rounds", metavar="N"),
    click.option("--a-flag-that-is-longer-than-the-column", is_flag=True, help="Long."),
)
@group("Second", key_flag("data.name", "dataset"), key_flag("data.download", is_flag=True))
@click.option("--hidden", hidden=True)
def command(**flags):
    """Does nothing."""
    click.echo(sorted(flags.items()))


def invoke(capsys, *args, width=80):
    with pytest.raises(SystemExit):
        command.main(list(args), "program", terminal_width=width)
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_section_a_group_and_the_texts_below_one_another(capsys, width):
    lines = invoke(capsys, "--help", width=width).splitlines()
    flags = [line for line in lines if line.startswith("  -")]
    headings = [line for line in lines if line.endswith(":") and not line.startswith(("  ", "Usage"))]
    assert headings == ["First:", "Second:"]
    assert [flag.split()[0] for flag in flags] == [
        "--rounds",
        "--a-flag-that-is-longer-than-the-column",
        "--dataset",
        "--download",
        "--help",
    ]
    assert lines.index(flags[1]) < lines.index("Second:") < lines.index(flags[2])
    texts = ["Queries.", "Data set or sets", "Fetch what", "Show this"]
    assert len({line.index(text) for text in texts for line in flags if text in line}) == 1
    assert lines[lines.index(flags[1]) + 1].strip() == "Long."
    assert all(len(line) <= width for line in lines)


def test_what_is_not_given_is_none(capsys):
    assert "[default: 10]" in invoke(capsys, "--help")
    assert "('dataset', None), ('download', None)" in invoke(capsys)
    assert "('download', True)" in invoke(capsys, "--download")


def test_keys_by_parameter():
    assert keys_of(command) == {"rounds": "run.rounds", "dataset": "data.name", "download": "data.download"}


def test_help_and_default_of_a_key():
    assert help_of("run.out") == "Folder for the runs."
    assert help_of("run.device") == "Device: auto, cpu, cuda, cuda:1, ..."
    assert default_of("run.out") == "runs"


@pytest.mark.parametrize("key", ["run.none", "none.rounds"])
def test_a_key_that_there_is_not(key):
    with pytest.raises(KeyError):
        key_flag(key)
