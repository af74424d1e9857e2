"""Fixtures for the whole suite. Servers come from ``tests/plugins/embedded.py``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings

from project.tenancy.models import User
from tests.factories import Agency, make_agency, make_user

#: Named here and not with -p, so that its fixture comes after pytest-playwright's and replaces it.
pytest_plugins = ["tests.plugins.browser", "tests.plugins.together"]


@pytest.fixture
def clean_redis() -> Iterator[redis.Redis]:
    """Give this run's Redis database, empty before and after the test."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture
def kestrel(db: None) -> Agency:
    """The agency that most tests are about: two clients, a person per role."""
    return make_agency("kestrel")


@pytest.fixture
def rival(db: None) -> Agency:
    """Another agency, whose rows nobody of ``kestrel`` may ever see."""
    return make_agency("rival")


@pytest.fixture
def staff(db: None) -> User:
    """A member of platform staff, member of nothing."""
    return make_user("staff@platform.test", is_superadmin=True)


@pytest.fixture
def outsider(db: None) -> User:
    """A person with an account and no membership."""
    return make_user("outsider@nowhere.test")
