"""Migrations that only add render the model itself; all others find every model as it is."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

from django.db import models
from django.db.migrations import AddField, CreateModel, Migration, RunPython
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState, StateApps
from django.db.models import Model

from project.core.db.migrating import rendering_what_changed


def _apply(state: ProjectState, *operations: Operation) -> None:
    """Apply a migration without a database."""
    migration = Migration("0001", "hall")
    migration.operations = list(operations)
    editor = MagicMock(atomic_migration=True)
    editor.connection.alias = "default"
    migration.apply(state, editor)


def _model(name: str, **fields: models.Field) -> CreateModel:
    return CreateModel(name, [("id", models.AutoField(primary_key=True)), *fields.items()])


def _shelf_of(book: type[Model]) -> Any:
    return book._meta.get_field("shelf").related_model


def test_a_model_that_has_not_changed_is_rendered_only_for_a_migration_that_does_more_than_add() -> None:
    state = ProjectState()
    seen: list[type[Model]] = []

    def look(apps: StateApps, _: object) -> None:
        seen.append(apps.get_model("hall", "Book"))

    with rendering_what_changed():
        _apply(state, _model("Shelf"))
        assert state.apps.get_model("hall", "Shelf")
        _apply(state, _model("Book", shelf=models.ForeignKey("hall.Shelf", models.CASCADE)))
        unchanged = state.apps.get_model("hall", "Book")
        _apply(state, AddField("Shelf", "depth", models.IntegerField(default=7)))
        shelf = state.apps.get_model("hall", "Shelf")
        assert shelf._meta.get_field("depth")
        assert state.apps.get_model("hall", "Book") is unchanged
        assert _shelf_of(unchanged) is not shelf
        _apply(state, RunPython(look))
    assert _shelf_of(seen[0]) is state.apps.get_model("hall", "Shelf")
    assert _shelf_of(seen[0])._meta.get_field("depth")
    assert [found.related_model for found in _shelf_of(seen[0])._meta.related_objects] == seen
