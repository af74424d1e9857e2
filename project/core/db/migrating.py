"""Sets up a new database in a fifth of the time that Django's ``migrate`` takes.

After each operation Django renders every model anew that is related to the one that changed. Here that is nearly all
of them, as all belong to an organization, and it is what migrating spends its time on. Operations that only add need
the model itself: the others are rendered anew, all at once, before the next migration that does more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from django.db.migrations import Migration, operations
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

#: What looks at no other model's form than as it was when that model was last changed itself. Django's classes for
#: PostgreSQL (concurrent indexes) are subclasses.
_ADDING = (
    operations.CreateModel,
    operations.AddField,
    operations.AddIndex,
    operations.RemoveIndex,
    operations.AddConstraint,
    operations.RemoveConstraint,
    operations.RunSQL,
)


def _is_adding(operation: Operation) -> bool:
    if isinstance(operation, operations.AlterField):
        # What others may refer to changes their columns, too.
        field = operation.field
        return not (field.is_relation or field.primary_key or field.unique)
    return isinstance(operation, _ADDING)


@contextmanager
def rendering_what_changed() -> Iterator[None]:
    """Run migrations in the block without rendering models that have not changed, as long as they only add."""
    apply, reload = Migration.apply, ProjectState.reload_model
    only_adds = False

    def _apply(migration: Migration, project_state: ProjectState, *args: Any, **options: Any) -> ProjectState:
        nonlocal only_adds
        only_adds = all(map(_is_adding, migration.operations))
        if not only_adds and project_state.is_delayed:
            project_state.clear_delayed_apps_cache()
            project_state.is_delayed = False
            _ = project_state.apps
        return apply(migration, project_state, *args, **options)

    def _reload(state: ProjectState, app_label: str, model_name: str, delay: bool = False) -> None:
        if not only_adds:
            reload(state, app_label, model_name, delay)
        elif "apps" in state.__dict__:
            state.is_delayed = True
            state._reload({(app_label, model_name)})  # type: ignore[attr-defined]

    with (
        mock.patch.object(Migration, "apply", _apply),
        mock.patch.object(ProjectState, "reload_model", _reload),
    ):
        yield
