"""Reports are tested in the same world as campaigns."""

from tests.campaigns.conftest import world

__all__ = ["world"]
