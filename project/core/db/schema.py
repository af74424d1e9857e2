"""Schema editor that creates ``PartitionedByMonth`` models as partitioned tables."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import schema

from project.core.partitions import PartitionedByMonth


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    """PostgreSQL schema editor with range partitions."""

    def table_sql(self, model: Any) -> tuple[str, list[Any]]:
        """Return the CREATE TABLE statement, partitioned where the model asks for it."""
        sql, params = super().table_sql(model)
        if issubclass(model, PartitionedByMonth):
            column = model._meta.get_field(model.partition_field).column
            sql = f"{sql} PARTITION BY RANGE ({self.quote_name(column)})"
        return sql, params
