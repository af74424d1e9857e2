"""What is shown of all clients together, and who of a cohort answered, is read from indexes built beside the traffic."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

TABLE = "reporting_fact"
INDEX = "fact_by_kind"
COLUMNS = '("organization_id", "kind", "occurred_at") INCLUDE ("client_id")'
PARTITIONS = """
SELECT child.relname FROM pg_inherits
JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
WHERE pg_inherits.inhparent = %s::regclass ORDER BY child.relname
"""


def build(apps, schema_editor):
    """Build the index partition by partition while facts come in: a partitioned table cannot do that by itself."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f'CREATE INDEX IF NOT EXISTS "{INDEX}" ON ONLY "{TABLE}" {COLUMNS}')
        cursor.execute(PARTITIONS, [TABLE])
        for (partition,) in cursor.fetchall():
            name = f"{partition.removeprefix('reporting_')}_kind"
            cursor.execute("SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass(%s)", [name])
            if cursor.fetchone() is not None:
                continue
            # One that was interrupted is there and not valid.
            cursor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"')
            cursor.execute(f'CREATE INDEX CONCURRENTLY "{name}" ON "{partition}" {COLUMNS}')
            cursor.execute(f'ALTER INDEX "{INDEX}" ATTACH PARTITION "{name}"')


def drop(apps, schema_editor):
    """Drop it with those of its partitions."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f'DROP INDEX IF EXISTS "{INDEX}"')


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("reporting", "0016_counted_until")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(build, drop)],
            state_operations=[
                migrations.AddIndex(
                    model_name="fact",
                    index=models.Index(
                        fields=["organization", "kind", "occurred_at"], name=INDEX, include=["client_id"]
                    ),
                )
            ],
        ),
        AddIndexConcurrently(
            model_name="firstfact",
            index=models.Index(
                fields=["organization", "client_id", "contact_id"],
                name="first_fact_answers",
                condition=models.Q(kind__in=["replied", "positive", "meeting"]),
            ),
        ),
    ]
