"""How tests are dealt out to parallel workers: one by one, but those of the one installation stay together, and first:
they take minutes, in which the other workers have something to do only as long as other tests are left.

By path and not by ``xdist_group``: pytest-xdist 3.8 carries its groups in node ids, which pytest 9.2 made read-only
without either of them saying so (pytest-dev/pytest-xdist, issue 1386).
"""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadGroupScheduling

TOGETHER = "tests/e2e/"


class InstallationTogether(LoadGroupScheduling):
    """Gives all tests below ``TOGETHER`` to one worker, in their order, and every other test to whoever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return TOGETHER if nodeid.startswith(TOGETHER) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> InstallationTogether | None:
    """Deal tests out in this way where ``--dist loadgroup`` asks for groups."""
    if config.getvalue("dist") != "loadgroup":
        return None
    return InstallationTogether(config, log)
