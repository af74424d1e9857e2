"""Addresses of reports, below ``/o/<organization>/reports/``."""

from __future__ import annotations

from django.urls import path, register_converter

from reporting import (
    views,
    views_deals,
    views_exports,
    views_mails,
    views_portal,
    views_rows,
    views_saved,
    views_sharing,
)


class FileFormConverter:
    """The forms of a file that is given out."""

    regex = "csv|xlsx"

    def to_python(self, value: str) -> str:
        """Return it as it is."""
        return value

    def to_url(self, value: str) -> str:
        """Return it as it is."""
        return value


register_converter(FileFormConverter, "file_form")

app_name = "reporting"
urlpatterns = [
    path("", views.index, name="index"),
    path("inbox/", views.inbox, name="inbox"),
    path("sending/", views.sending, name="sending"),
    path("compare/", views.compare, name="compare"),
    path("rows/", views_rows.rows, name="rows"),
    path("rows.<file_form:form>", views_rows.export, name="export_rows"),
    path("clients/<uuid:client_id>/", views.client_report, name="client"),
    path("clients/<uuid:client_id>/report.<file_form:form>", views.export_client, name="export_client"),
    path("clients/<uuid:client_id>/deals/", views_deals.deals, name="deals"),
    path("clients/<uuid:client_id>/save/", views_saved.save, name="save"),
    path("saved/<uuid:saved_id>/remove/", views_saved.remove, name="remove_saved"),
    path("clients/<uuid:client_id>/notes/", views_saved.add_note, name="add_note"),
    path("notes/<uuid:report_note_id>/remove/", views_saved.remove_note, name="remove_note"),
    path("clients/<uuid:client_id>/shares/", views_sharing.shares, name="shares"),
    path("clients/<uuid:client_id>/share/", views_sharing.share, name="share"),
    path("shares/<uuid:link_id>/revoke/", views_sharing.revoke, name="revoke_share"),
    path("clients/<uuid:client_id>/portal/", views_portal.settings, name="portal"),
    path("clients/<uuid:client_id>/logo", views_portal.logo, name="logo"),
    path("clients/<uuid:client_id>/portal/logo/", views_portal.set_logo, name="set_logo"),
    path("approvals/", views_portal.approvals, name="approvals"),
    path("exports/", views_exports.index, name="exports"),
    path("exports/start/", views_exports.start, name="start_export"),
    path("exports/<uuid:export_id>/file", views_exports.download, name="download_export"),
    path("exports/<uuid:export_id>/remove/", views_exports.remove, name="remove_export"),
    path("replies/<uuid:conversation_id>/judge/", views_portal.judge, name="judge"),
    path("clients/<uuid:client_id>/mail/", views_mails.mails, name="mails"),
    path("clients/<uuid:client_id>/mail/preview/", views_mails.preview_next, name="preview_next_mail"),
    path("clients/<uuid:client_id>/mail/plan/", views_mails.set_plan, name="set_mail_plan"),
    path("clients/<uuid:client_id>/mail/recipients/", views_mails.add_recipient, name="add_recipient"),
    path("recipients/<uuid:recipient_id>/remove/", views_mails.remove_recipient, name="remove_recipient"),
    path("mails/<uuid:mail_id>/", views_mails.preview, name="preview_mail"),
    path("mails/<uuid:mail_id>/decide/", views_mails.decide, name="decide_mail"),
    path("live/", views.live, name="live"),
    path("campaigns/<uuid:campaign_id>/", views.campaign_report, name="campaign"),
    path("campaigns/<uuid:campaign_id>/cohorts/", views.cohorts, name="cohorts"),
    path(
        "campaigns/<uuid:campaign_id>/report.<file_form:form>", views.export_campaign, name="export_campaign"
    ),
]
