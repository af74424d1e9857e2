"""Exports that always break end; facts may go once they are counted; clients have a colour of their own.

Sums that no report reads are not kept any more: nearly every recipient has a domain of their own, so that these were as
many as facts. Rows are written with room for their next change on the same page.
"""

from django.db import migrations, models

BATCH = 50_000
UNREAD = """
DELETE FROM reporting_rollup WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM reporting_rollup WHERE grain = 'sender_domain'
      OR (grain = 'domain' AND kind IN (
        'enrolled', 'contacted', 'reached', 'clicked', 'machine_opened', 'machine_clicked', 'away', 'ended',
        'qualified', 'disqualified', 'invited', 'connected', 'messaged', 'texted'
      ))
      OR (grain = 'hour' AND kind IN ('opened', 'positive')) OR (grain = 'sent_hour' AND kind = 'positive')
    LIMIT %s))
"""
GRAINS = [
    ("organization", "Organization"),
    ("client", "Client"),
    ("campaign", "Campaign"),
    ("sender", "Sender"),
    ("campaign_sender", "Campaign, sender"),
    ("channel", "Campaign, channel"),
    ("step", "Campaign, step"),
    ("variant", "Campaign, step and variant"),
    ("domain", "Campaign, recipient domain"),
    ("list", "Campaign, list"),
    ("hour", "Campaign, hour"),
    ("sent_hour", "Campaign, hour of the answered message"),
    ("wait", "Campaign, time to reply"),
]


def forget(apps, schema_editor):
    """Delete them in batches, each a transaction of its own."""
    with schema_editor.connection.cursor() as cursor:
        while True:
            cursor.execute(UNREAD, [BATCH])
            if cursor.rowcount < BATCH:
                return


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("reporting", "0014_deals_for_clients")]

    operations = [
        migrations.AddField("exportjob", "tries", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField(
            "portalpolicy",
            "brand_colour",
            models.CharField(max_length=7, blank=True, default="", db_default=""),
        ),
        migrations.AddField("rollupstate", "forgotten_before", models.DateTimeField(null=True)),
        migrations.AlterField("rollup", "grain", models.CharField(max_length=16, choices=GRAINS)),
        migrations.RunSQL(
            "ALTER TABLE reporting_rollup SET (fillfactor = 80)",
            "ALTER TABLE reporting_rollup RESET (fillfactor)",
        ),
        migrations.RunPython(forget, migrations.RunPython.noop),
    ]
