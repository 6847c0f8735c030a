"""The commit of the user's repository, and that asking for it runs nothing that the repository names."""

import os
import shutil
import subprocess

import pytest

from alframe.installation.commit import commit_of

NOBODY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_COUNT": "0"}
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="no git")
SOME = "0123456789abcdef0123456789abcdef01234567"


def git(folder, *arguments):
    command = ["git", "-c", "user.name=n", "-c", "user.email=e@x", "-c", "protocol.file.allow=always"]
    done = subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env=os.environ | NOBODY,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def repository(folder, *arguments):
    """One with a commit; gives that."""
    folder.mkdir(exist_ok=True)
    git(folder, "init", "-q", *arguments)
    (folder / "a").write_text("1")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "m")
    return git(folder, "rev-parse", "HEAD")


@needs_git
@pytest.mark.parametrize("arguments", [(), ("--object-format=sha256",)], ids=["sha1", "sha256"])
def test_a_commit_and_whether_files_differ_from_it(tmp_path, arguments):
    commit = repository(tmp_path, *arguments)
    (tmp_path / "below").mkdir()
    index = (tmp_path / ".git" / "index").read_bytes()
    for folder in (tmp_path, tmp_path / "below"):
        assert commit_of(folder) == commit
    (tmp_path / "unknown").write_text("git does not know it")
    assert commit_of(tmp_path) == commit
    (tmp_path / "a").write_text("2")
    assert commit_of(tmp_path) == f"{commit} and changes"
    git(tmp_path, "add", "a")
    assert commit_of(tmp_path / "below") == f"{commit} and changes"
    git(tmp_path, "reset", "-q", "--hard")
    (tmp_path / "a").unlink()
    assert commit_of(tmp_path) == f"{commit} and changes"
    git(tmp_path, "reset", "-q", "--hard")
    os.utime(tmp_path / "a", (1, 1))  # its content is compared, and git would write that down
    before = (tmp_path / ".git" / "index").read_bytes()
    assert commit_of(tmp_path) == commit
    assert (tmp_path / ".git" / "index").read_bytes() == before != index


@needs_git
def test_packed_names_detached_heads_working_trees_and_submodules(tmp_path):
    main = tmp_path / "main"
    commit = repository(main)
    git(main, "pack-refs", "--all")
    assert not list((main / ".git" / "refs" / "heads").iterdir())
    assert commit_of(main) == commit
    git(main, "checkout", "-q", "--detach")
    assert commit_of(main) == commit
    git(main, "worktree", "add", "-q", str(tmp_path / "tree"), "-b", "other/name")
    assert commit_of(tmp_path / "tree") == commit
    git(tmp_path / "tree", "commit", "-q", "--allow-empty", "-m", "another")
    assert commit_of(tmp_path / "tree") == git(tmp_path / "tree", "rev-parse", "HEAD") != commit
    assert commit_of(main) == commit
    outer = tmp_path / "outer"
    repository(outer)
    git(outer, "submodule", "add", "-q", str(main), "inner")
    assert commit_of(outer / "inner") == commit
    shutil.copytree(main, tmp_path / "moved")
    assert commit_of(tmp_path / "moved") == commit


ATTRIBUTES = "* filter=f diff=f merge=f text\n"


@needs_git
@pytest.mark.parametrize(
    "setting",
    [
        "core.fsmonitor",
        "core.hooksPath",
        "filter.f.clean",
        "filter.f.process",
        "diff.f.textconv",
        "diff.f.command",
        "diff.external",
        "core.pager",
        "core.editor",
        "core.sshCommand",
        "core.alternateRefsCommand",
        "credential.helper",
        "alias.status",
        "gpg.program",
        "included.fsmonitor",
        "config.worktree",
        "submodule",
        "environment",
        "hooks",
        "promisor",
        "elsewhere",
        "path",
    ],
)
def test_nothing_that_a_repository_names_is_run(tmp_path, monkeypatch, setting):
    """A command of each kind, in a repository whose files must be looked into."""
    top = tmp_path / "repository"
    repository(top)
    (top / ".gitattributes").write_text(ATTRIBUTES)
    git(top, "add", ".")
    git(top, "commit", "-qm", "attributes")
    commit = git(top, "rev-parse", "HEAD")
    marker = tmp_path / "harmed"
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\ntouch {marker}\n")
    evil.chmod(0o755)
    own = top / ".git"
    if setting == "core.hooksPath":
        (tmp_path / "hooks").mkdir()
        for hook in ("post-index-change", "fsmonitor-watchman", "pre-commit", "reference-transaction"):
            shutil.copy(evil, tmp_path / "hooks" / hook)
        git(top, "config", setting, str(tmp_path / "hooks"))
    elif setting == "included.fsmonitor":
        (own / "more").write_text(f"[core]\n\tfsmonitor = {evil}\n")
        git(top, "config", "include.path", "more")
    elif setting == "config.worktree":
        git(top, "config", "extensions.worktreeConfig", "true")
        git(top, "config", "--worktree", "core.fsmonitor", str(evil))
    elif setting == "submodule":
        inner = tmp_path / "inner"
        repository(inner)
        git(top, "submodule", "add", "-q", str(inner), "inner")
        git(top, "commit", "-qm", "submodule")
        commit = git(top, "rev-parse", "HEAD")
        git(top / "inner", "config", "core.fsmonitor", str(evil))
        (top / "inner" / "a").write_text("2")
    elif setting == "environment":
        monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.fsmonitor")
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(evil))
        monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(evil))
    elif setting == "hooks":
        for hook in ("post-index-change", "fsmonitor-watchman", "reference-transaction"):
            (own / "hooks").mkdir(exist_ok=True)
            shutil.copy(evil, own / "hooks" / hook)
    elif setting == "promisor":
        for key, value in (
            ("core.repositoryFormatVersion", "1"),
            ("extensions.partialClone", "origin"),
            ("remote.origin.promisor", "true"),
            ("remote.origin.url", f"ext::{evil}"),
            ("protocol.ext.allow", "always"),
            ("remote.origin.uploadpack", str(evil)),
        ):
            git(top, "config", key, value)
        shutil.rmtree(own / "objects")
        (own / "objects").mkdir()
    elif setting == "elsewhere":
        git(top, "config", "core.fsmonitor", str(evil))
        own.rename(tmp_path / "hidden")
        own.write_text("gitdir: ../hidden\n")
    elif setting == "path":
        shutil.copy(evil, top / "git")
        monkeypatch.setenv("PATH", f".:{os.environ['PATH']}")
    else:
        git(top, "config", setting, str(evil) if setting != "alias.status" else f"!{evil}")
    os.utime(top / "a", (1, 1))
    monkeypatch.chdir(top)
    assert commit_of(top).startswith(commit)
    assert not marker.exists()


def test_without_git_the_commit_is_read_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert commit_of(tmp_path) is None
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(f"{SOME}\n")
    assert commit_of(tmp_path) == f"{SOME}, changes unknown"


@pytest.mark.parametrize(
    "head",
    [
        "",
        "root:x:0:0:",
        "ref: refs/heads/none",
        "ref: refs/heads/.invalid",  # names are kept in tables, which only git reads
        "ref: refs/heads/../../../secret",
        "ref: /etc/passwd",
        "ref: refs/heads/loop",
        SOME[:-1],
        "\xff\x00",
    ],
)
def test_a_head_that_says_no_commit(tmp_path, head):
    own = tmp_path / ".git"
    (own / "refs" / "heads").mkdir(parents=True)
    (own / "refs" / "heads" / "loop").write_text("ref: refs/heads/loop")
    (tmp_path / "secret").write_text(SOME)
    (own / "HEAD").write_bytes(head.encode("latin1"))
    assert commit_of(tmp_path) is None


@pytest.mark.parametrize("name", [".git", ".git/HEAD", ".git/packed-refs", ".git/commondir"])
def test_a_pipe_is_not_waited_for(tmp_path, name):
    if name != ".git":
        (tmp_path / ".git").mkdir()
        (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main")
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    assert commit_of(tmp_path) is None


def test_a_file_that_leads_to_no_repository(tmp_path):
    for text in ("gitdir: /none", "gitdir: .", "anything", "gitdir: " + "x" * 5000, "gitdir: \0"):
        (tmp_path / ".git").write_text(text)
        assert commit_of(tmp_path) is None
