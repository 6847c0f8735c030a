"""Families of what users type: options, flags, TOML files, and the variables around a command."""

from __future__ import annotations

from collections.abc import Iterator

import click

from fuzzing.case import DAMAGED, FINE, Case, Draw
from fuzzing.material import ON, RUN, SMALL, copy
from fuzzing.strategies import REPEATED, flags_for, known_options, starts, strategies
from fuzzing.values import NUMBERS, argument, damaged, value

WORK = frozenset(
    {"run.rounds", "run.seeds", "run.jobs", "train.epochs", "run.strategy", "model.name", "data.name"}
)
COMMANDS = (
    "list-strategies",
    "list-datasets",
    "list-models",
    "list-presets",
    "show",
    "query",
    "compare",
    "run",
)
VARIABLES = (
    *(
        "ALFRAME_PLUGINS",
        "ALFRAME_DISABLE_PLUGINS",
        "ALFRAME_DATA_DIR",
        "COLUMNS",
        "LINES",
        "TERM",
        "LANG",
        "LC_ALL",
    ),
    *(
        "NO_COLOR",
        "FORCE_COLOR",
        "CLICOLOR",
        "TTY_COMPATIBLE",
        "PYTHONIOENCODING",
        "TZ",
        "HOME",
        "TMPDIR",
        "USER",
    ),
    *(
        "OMP_NUM_THREADS",
        "CUDA_VISIBLE_DEVICES",
        "GIT_DIR",
        "GIT_CONFIG_GLOBAL",
        "MPLBACKEND",
    ),
)
TRIED = frozenset({0, 1, 2})  # a good value may make a trial fail: a loss that is not finite


def options(draw: Draw) -> Case:
    """``-o section.key=value`` with hostile values: of every option that there is, mostly one at a time."""
    copy(draw.templates, draw.work, "data.npz")
    given: list[str] = []
    for _ in range(1 if draw.chance(0.7) else draw.random.randint(2, 4)):
        name, _ = draw.random.choice(known_options())
        text = value(draw.random)
        if draw.chance(0.05):
            name = name.replace(".", draw.random.choice(["", "..", " . ", ".x.", "\x1b."]))
        given += ["-o", argument(f"{name}={text}" if draw.chance(0.98) else name)]
    names = {one.partition("=")[0] for one in given[1::2]}
    # a plugin's own values may be anything, but for how often something is done
    bounded = [one for one in given[1::2] if _is_section(one) or one.partition("=")[0].endswith(REPEATED)]
    real = draw.chance(0.35) and not names & WORK and not any(_long(one) for one in given[1::2])
    short = not names & WORK and not any(_long(one) for one in bounded)
    start = ("--initial", draw.random.choice(starts())) if draw.chance(0.3) else ()
    plugin = next((name.partition(".")[0] for name in sorted(names) if not _is_section(name)), "")
    if short and flags_for(plugin):
        return Case((*RUN[:3], *flags_for(plugin), *SMALL, *ON, *start, *given), codes=TRIED)
    if real:
        strategy = flags_for(draw.random.choice(strategies()))
        return Case((*RUN[:3], *strategy, *SMALL, *ON, *start, *given), codes=TRIED)
    return Case((*RUN, *given, draw.random.choice(["--print-config", "--dry-run"])), writes=())


def _is_section(name: str) -> bool:
    return name.partition(".")[0] in ("run", "data", "model", "features", "train", "stages", "stop")


def _long(given: str) -> bool:
    """Whether a value may rightly take very long, or much memory, or write where it says."""
    name, _, text = given.partition("=")
    try:
        large = float(text.replace("_", "")) > 5_000
    except ValueError:
        large = False
    return large or name in ("run.out", "run.device", "data.dir", "data.download", "model.weights", "run.log")


def _parameters(command: str) -> Iterator[click.Parameter]:
    from alframe_cli.main import cli

    found = cli.get_command(click.Context(cli), command)
    assert found is not None
    yield from (one for one in found.params if one.name != "help")


def flags(draw: Draw) -> Case:
    """Every flag of every command with hostile values; a run prints its plan or configuration alone."""
    command = draw.random.choice(COMMANDS)
    copy(draw.templates, draw.work, "data.npz", "pool.npz", *(["runs"] if command == "compare" else []))
    arguments = {
        "show": [draw.random.choice(strategies())],
        "compare": ["runs"],
        "query": ["pool.npz", "--strategy", draw.random.choice(strategies()), "-n", "3"],
    }
    given = [command, *arguments.get(command, list(RUN[1:]) if command == "run" else [])]
    parameters = list(_parameters(command))
    for _ in range(draw.random.randint(1, 3)):
        if not parameters:
            break
        one = draw.random.choice(parameters)
        name = draw.random.choice(one.opts) if isinstance(one, click.Option) else ""
        if name in ("--figures", "--html", "--out") or (name == "--jobs" and draw.chance(0.5)):
            continue
        if not name:
            if len(given) > 1 and draw.chance(0.7):
                given[1] = argument(value(draw.random))
        elif isinstance(one, click.Option) and one.is_flag:
            given.append(name if draw.chance(0.9) else f"{name}=x")
        else:
            text = (
                value(draw.random)
                if draw.chance(0.9) or not isinstance(one.type, click.Choice)
                else one.type.choices[0]
            )
            if name in ("--initial", "--strategy") and draw.chance(0.5):
                text = draw.random.choice(starts() + strategies())
            given += (
                [argument(f"{name}={text}")]
                if name.startswith("--") and draw.chance(0.5)
                else [name, argument(text)]
            )
    if "--verbose" in given or "-v" in given:
        given = [one for one in given if one not in ("-v", "--verbose")]
    if draw.chance(0.05):
        given[draw.random.randrange(len(given))] = argument(value(draw.random))
    if command == "run":
        given.append(draw.random.choice(["--print-config", "--dry-run"]))
    codes = DAMAGED if command == "query" else FINE  # what it is given may be a file, and no array
    return Case(tuple(given), codes=codes, writes=(), silent=command.startswith("list"))


def toml(draw: Draw) -> Case:
    """Configuration files with values of other types, unknown sections, deep nesting, much text, noise."""
    copy(draw.templates, draw.work, "data.npz")
    lines: list[str] = []
    sections = ["run", "data", "model", "features", "train", "stages", "stop"]
    sections += draw.random.sample(strategies(), 2)
    for section in draw.random.sample(sections, draw.random.randint(1, 4)):
        lines.append(
            draw.random.choice(
                [f"[{section}]"] * 8 + [f"[[{section}]]", f"[{section}.{section}]", f"[{section}"]
            )
        )
        known = [name for name, _ in known_options() if name.startswith(section + ".")]
        for name in draw.random.sample(known, min(len(known), draw.random.randint(0, 3))):
            lines.append(f"{name.partition('.')[2]} = {_toml_value(draw)}")
    content = "\n".join(lines).encode(errors="surrogatepass")
    kind = draw.random.randrange(12)
    if kind < 3:
        content = damaged(draw.random, content)
    elif kind == 3:
        depth = draw.random.choice([50, 500, 3_000, 100_000])
        content = draw.random.choice(
            [b"[run]\nseeds = " + b"[" * depth + b"1" + b"]" * depth, b"[" + b"a." * depth + b"a]"]
        )
        content += draw.random.choice([b"", b"\nx = 1"])
    elif kind == 4:
        content = draw.random.choice(
            [b"\xff\xfe" + "[run]".encode("utf-16-le"), b"\x00" * 1000, b"x = 1", b"run = 1", b"run = []"]
        )
    elif kind == 5:
        content = b"[run]\nrounds = " + b"9" * draw.random.choice([20, 400, 5_000, 100_000])
    path = draw.work / "config.toml"
    path.write_bytes(content)
    name = "config.toml"
    if draw.chance(0.05):
        name = _odd_file(draw)
    return Case(
        (*RUN, "--config", name, draw.random.choice(["--print-config", "--dry-run"])),
        codes=frozenset({0, 1, 2}),
        writes=(),
    )


def _toml_value(draw: Draw) -> str:
    text = value(draw.random)
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")[:2000] + '"'
    numbers = [one for one in NUMBERS if len(one) < 500]
    plain = [
        "true",
        "[]",
        "{}",
        "[1, 'a']",
        "{a = 1}",
        "[[1]]",
        "inf",
        "nan",
        "2026-01-01",
        "07:32:00",
        "''",
        "1e5",
        "0x10",
    ]
    return draw.random.choice([quoted, quoted, draw.random.choice(plain), draw.random.choice(numbers)])


def _odd_file(draw: Draw) -> str:
    """A folder, a link to nothing or to itself, an endless device."""
    name = draw.random.choice(["folder", "nothing", "/dev/zero", "loop", "/proc/self/mem", "missing"])
    path = draw.work / name
    if name == "folder":
        path.mkdir()
    elif name == "nothing":
        path.symlink_to("none")
    elif name == "loop":
        path.symlink_to("loop")
    return name


def environment(draw: Draw) -> Case:
    """Hostile variables, encodings that lack characters, closed, full and unread outputs."""
    copy(draw.templates, draw.work, "data.npz", "pool.npz", "runs")
    commands: list[tuple[str, ...]] = [
        *[(*RUN,), (*RUN, "--seeds", "2", "--json"), (*RUN, "--dry-run"), (*RUN, "--print-config")],
        *[
            ("compare", "runs"),
            ("compare", "runs", "--format", "latex"),
            ("list-strategies",),
            ("show", "run"),
        ],
        *[
            ("query", "--strategy", "margin", "-n", "3", "pool.npz"),
            ("list-datasets",),
            ("list-presets", "--json"),
        ],
    ]
    variables = {}
    for _ in range(draw.random.randint(0, 2)):
        text = value(draw.random).replace("\x00", "").replace("\ud800", "\udcff")[:100_000]
        name = draw.random.choice(VARIABLES)
        if not (name in ("HOME", "TMPDIR") and text.startswith("/")):
            variables[name] = text
    broken = "ALFRAME_PLUGINS" in variables
    output = draw.random.choice(["file"] * 6 + ["full", "closed", "gone"])
    encoding = draw.random.choice(["utf-8"] * 3 + ["ascii", "latin-1", "cp1252", "utf-16", "cp437"])
    codes = set(FINE) | ({3} if broken else set())
    if output == "full":
        codes |= {1, 120}
    if output == "gone":  # as other programs end whose reader goes away
        codes |= {120, 141, 1}
    return Case(
        draw.random.choice(commands),
        None,
        frozenset(codes),
        ("runs",),
        variables,
        output,
        encoding,
        silent=broken,
    )
