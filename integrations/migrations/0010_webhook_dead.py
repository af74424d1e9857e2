from django.db import migrations, models
from django.db.models import Q

TABLE = "integrations_webhookdelivery"
INDEX = "webhook_dead"
COLUMNS = '("organization_id", "received_at" DESC, "id" DESC) WHERE "state" = \'dead\''

PARTITIONS = """
SELECT child.relname FROM pg_inherits
JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
WHERE pg_inherits.inhparent = %s::regclass ORDER BY child.relname
"""


def build(apps, schema_editor):
    """Build the index partition by partition while calls come in: a partitioned table cannot do that by itself."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f'CREATE INDEX IF NOT EXISTS "{INDEX}" ON ONLY "{TABLE}" {COLUMNS}')
        cursor.execute(PARTITIONS, [TABLE])
        for (partition,) in cursor.fetchall():
            name = f"{partition.removeprefix('integrations_')}_dead"
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

    dependencies = [("integrations", "0009_replays")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(build, drop)],
            state_operations=[
                migrations.AddIndex(
                    model_name="webhookdelivery",
                    index=models.Index(
                        fields=["organization", "-received_at", "-id"],
                        name=INDEX,
                        condition=Q(state="dead"),
                    ),
                )
            ],
        )
    ]
