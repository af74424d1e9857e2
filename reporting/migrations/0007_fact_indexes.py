from django.db import migrations, models

TABLE = "reporting_fact"
#: Name, columns, and what its partitions' are called.
INDEXES = (
    ("fact_by_lead", ("organization", "lead_id"), '("organization_id", "lead_id")', "lead"),
    ("fact_by_transaction", ("organization", "written_in"), '("organization_id", "written_in")', "tx"),
)
PARTITIONS = """
SELECT child.relname FROM pg_inherits
JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
WHERE pg_inherits.inhparent = %s::regclass ORDER BY child.relname
"""


def build(apps, schema_editor):
    """Build the indexes partition by partition while facts come in: a partitioned table cannot do that by itself."""
    with schema_editor.connection.cursor() as cursor:
        for index, _, columns, ending in INDEXES:
            cursor.execute(f'CREATE INDEX IF NOT EXISTS "{index}" ON ONLY "{TABLE}" {columns}')
            cursor.execute(PARTITIONS, [TABLE])
            for (partition,) in cursor.fetchall():
                name = f"{partition.removeprefix('reporting_')}_{ending}"
                cursor.execute("SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass(%s)", [name])
                if cursor.fetchone() is not None:
                    continue
                # One that was interrupted is there and not valid.
                cursor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"')
                cursor.execute(f'CREATE INDEX CONCURRENTLY "{name}" ON "{partition}" {columns}')
                cursor.execute(f'ALTER INDEX "{index}" ATTACH PARTITION "{name}"')


def drop(apps, schema_editor):
    """Drop them with those of their partitions."""
    with schema_editor.connection.cursor() as cursor:
        for index, *_ in INDEXES:
            cursor.execute(f'DROP INDEX IF EXISTS "{index}"')


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("reporting", "0006_rollups")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(build, drop)],
            state_operations=[
                migrations.AddIndex(model_name="fact", index=models.Index(fields=list(fields), name=index))
                for index, fields, _, _ in INDEXES
            ],
        )
    ]
