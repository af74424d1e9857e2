"""Lets the application have the tables of people counted by the server, which only their owner may.

A table that grew by a long file is small to the planner until autovacuum comes by, a minute later; until then each check
of a foreign key may go through all of it.
"""

from django.db import migrations

COUNT = """
CREATE OR REPLACE FUNCTION campaigns_count_people(made bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    IF made > (SELECT reltuples FROM pg_class WHERE oid = 'campaigns_lead'::regclass) THEN
        ANALYZE campaigns_company, campaigns_lead, campaigns_leadchannel;
    END IF;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0032_suppressions_to_carry")]

    operations = [
        migrations.RunSQL(COUNT, "DROP FUNCTION campaigns_count_people(bigint)"),
    ]
