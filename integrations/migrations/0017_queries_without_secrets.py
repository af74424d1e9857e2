from datetime import timedelta

from django.db import migrations

#: The query of a called address may hold our token, which is the proof that a provider called.
MASK = r"""
UPDATE integrations_webhookdelivery SET headers = jsonb_set(
    headers,
    '{X-Called-Query}',
    to_jsonb(regexp_replace(
        headers ->> 'X-Called-Query',
        '((^|&)[^=&]*(token|secret|password|api_?key)[^=&]*=)[^&]*', '\1[masked]', 'gi'
    ))
)
WHERE received_at >= %s AND received_at < %s
AND headers ->> 'X-Called-Query' ~* '(token|secret|password|api_?key)[^=&]*='
"""


def mask(apps, schema_editor):
    """Mask the secrets in stored queries, a day of calls at a time, so that no statement holds many rows."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT min(received_at), max(received_at) FROM integrations_webhookdelivery")
        day, last = cursor.fetchone()
        while day is not None and day <= last:
            following = day + timedelta(days=1)
            cursor.execute(MASK, [day, following])
            day = following


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("integrations", "0016_webhook_passes")]

    operations = [migrations.RunPython(mask, migrations.RunPython.noop)]
