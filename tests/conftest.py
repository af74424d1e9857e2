"""Fixtures for the whole suite. Servers come from ``tests/plugins/embedded.py``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings


@pytest.fixture
def clean_redis() -> Iterator[redis.Redis]:
    """Give this run's Redis database, empty before and after the test."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()
