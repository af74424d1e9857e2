"""The documented feature matrix is what providers declare."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from integrations import feature_matrix, registry
from integrations.management.commands.feature_matrix import PATH


def test_the_feature_matrix_is_current() -> None:
    written = (Path(settings.BASE_DIR) / PATH).read_text()
    assert written == feature_matrix.render(), "run: manage.py feature_matrix"


def test_every_provider_is_in_it() -> None:
    text = feature_matrix.render()
    assert all(provider.label in text for provider in registry.providers())
