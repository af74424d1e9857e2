"""A reply that was taken back before it left is found by its words no more than a message that was deleted.

Both are told by columns of the row that the index names, so what a transaction takes back is lost to search with it.
"""

from __future__ import annotations

import importlib
from typing import ClassVar

from django.db import migrations

_spans = importlib.import_module("inbox.migrations.0015_search_spans")

_DELETED = "m.deleted_at IS NULL"
MESSAGES = _spans.MESSAGES.replace(_DELETED, f"{_DELETED} AND m.state <> 'withdrawn'")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("inbox", "0023_warnings_and_given_up")]

    operations: ClassVar = [migrations.RunSQL(MESSAGES, _spans.MESSAGES)]
