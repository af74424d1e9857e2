from django.db import migrations, models

#: A word that was given before holds for the list that the campaign has.
BIND = """
UPDATE campaigns_planreview AS review
SET audience = jsonb_build_object(
  'kind', coalesce(campaign.audience ->> 'kind', 'all'), 'import_id', coalesce(campaign.audience -> 'import_id', 'null'::jsonb))
FROM campaigns_campaign AS campaign WHERE campaign.id = review.campaign_id
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0016_reviews_and_folders")]

    operations = [
        migrations.AddField("planreview", "audience", models.JSONField(default=dict)),
        migrations.AddField("planreview", "leads", models.PositiveIntegerField(null=True)),
        migrations.RunSQL(BIND, migrations.RunSQL.noop),
        migrations.RemoveConstraint("planreview", "plan_review_once"),
        migrations.AddConstraint(
            "planreview",
            models.UniqueConstraint(fields=("campaign", "plan_hash", "audience"), name="plan_review_once"),
        ),
    ]
