"""Running a server that refuses root, as root, from directories that only root may enter."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from project.core.embedded import privileges
from project.core.embedded.postgres import program

LOOK = ["/bin/sh", "-c", "id -u; grep CapEff /proc/self/status | cut -f2"]


@pytest.fixture
def hidden_program(tmp_path: Path) -> str:
    """The server's program, reachable only through a directory of its owner."""
    tmp_path.chmod(0o700)
    (tmp_path / "postgres").symlink_to(program("postgres"))
    return str(tmp_path / "postgres")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become someone else")
class TestAsRoot:
    def test_the_server_is_somebody_else_with_one_capability(self, hidden_program: str) -> None:
        identity = privileges.server_identity(hidden_program)
        shown = subprocess.run(LOOK, preexec_fn=identity.become, capture_output=True, check=True, text=True)
        uid, capabilities = shown.stdout.split()
        assert uid == str(identity.uid) != "0"
        assert int(capabilities, 16) == 1 << 1

    def test_a_namespace_is_the_second_way(
        self, hidden_program: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(uid: int, gid: int) -> None:
            raise PermissionError

        monkeypatch.setattr(privileges, "_change_user", refuse)
        try:
            identity = privileges.server_identity(hidden_program)
        except privileges.CannotDropRoot:
            pytest.skip("this system allows no user namespaces")
        done = subprocess.run(
            [hidden_program, "--version"], preexec_fn=identity.become, capture_output=True, check=True
        )
        assert b"PostgreSQL" in done.stdout
        assert identity.uid == 0

    def test_without_either_way_one_line_says_so(
        self, hidden_program: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(privileges, "_works", lambda become, probe: False)
        with pytest.raises(privileges.CannotDropRoot, match="refuses to run as root"):
            privileges.server_identity(hidden_program)


def test_an_ordinary_user_runs_it_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    identity = privileges.server_identity("unused")
    assert (identity.uid, identity.become) == (1234, None)
