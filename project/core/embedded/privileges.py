"""Run PostgreSQL when we are root: its server refuses to run as root.

Two ways, tried in this order; neither creates a system user nor opens directories to others:

1. Become the system's unprivileged user, keeping only the capability to reach files (``CAP_DAC_OVERRIDE`` as
   an ambient capability), because the project may lie below a directory that only root may enter.
2. Enter a user namespace in which root's id is shown as an unprivileged one (needed where root may not change
   its id, as in some rootless containers).
"""

from __future__ import annotations

import ctypes
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522
_CLONE_NEWUSER = 0x10000000

_libc = ctypes.CDLL(None, use_errno=True)


class CannotDropRoot(RuntimeError):
    """Neither way of leaving root's identity works on this system."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a server runs as: the owner its files must have, and what its process does before exec."""

    uid: int
    gid: int
    become: Callable[[], None] | None


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilityData(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _change_user(uid: int, gid: int) -> None:
    """Become ``uid`` and keep nothing of root but the capability to reach files."""
    # Keeps the capabilities over the change of user; without it access(2) would not count them either, and initdb
    # asks with access(2) whether its neighbour programs are there.
    _check(_libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0), "keep capabilities")
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    mask = 1 << _CAP_DAC_OVERRIDE
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    data = (_CapabilityData * 2)(_CapabilityData(mask, mask, mask), _CapabilityData(0, 0, 0))
    _check(_libc.capset(ctypes.byref(header), ctypes.byref(data)), "set capabilities")
    _check(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0), "ambient capability")


def _enter_namespace(shown_uid: int, shown_gid: int) -> None:
    """Enter a user namespace that shows root as ``shown_uid``; files stay root's."""
    _check(_libc.unshare(_CLONE_NEWUSER), "user namespace")
    own = Path("/proc/self")
    (own / "setgroups").write_text("deny")
    (own / "uid_map").write_text(f"{shown_uid} 0 1")
    (own / "gid_map").write_text(f"{shown_gid} 0 1")


def _works(become: Callable[[], None], probe: str) -> bool:
    """Try ``become`` in a child that then looks for ``probe`` and runs ``probe --version``."""

    def prepare() -> None:
        become()
        if not os.access(probe, os.X_OK):
            raise PermissionError(probe)

    try:
        done = subprocess.run([probe, "--version"], preexec_fn=prepare, capture_output=True, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def server_identity(probe: str) -> Identity:
    """Return how to run a server that refuses root: as we are, or one of the ways above.

    ``probe`` is the server's program, used to try each way. Raises ``CannotDropRoot``.
    """
    if os.geteuid() != 0:
        return Identity(os.geteuid(), os.getegid(), None)
    if not sys.platform.startswith("linux"):
        raise CannotDropRoot("PostgreSQL cannot run as root here; start this as an ordinary user.")
    nobody = _unprivileged_user()

    def as_nobody() -> None:
        _change_user(nobody.pw_uid, nobody.pw_gid)

    def in_namespace() -> None:
        _enter_namespace(nobody.pw_uid, nobody.pw_gid)

    if _works(as_nobody, probe):
        return Identity(nobody.pw_uid, nobody.pw_gid, as_nobody)
    if _works(in_namespace, probe):
        return Identity(0, 0, in_namespace)
    raise CannotDropRoot("PostgreSQL refuses to run as root and root cannot change its identity here.")


def _unprivileged_user() -> pwd.struct_passwd:
    """Return ``nobody``, or any other account that is not root (initdb needs one with a name)."""
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        others = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
        if not others:
            raise CannotDropRoot("There is no account but root to run PostgreSQL as.") from None
        return others[-1]
