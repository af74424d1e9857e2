"""What each argument of an address stands for. An address with an argument that is not here fails the suite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.apps import apps

from project.tenancy.models import Membership
from tests.rows import Rows, id_of, is_client_bound

#: Arguments that are ids of rows, and the model of the row.
MODELS: dict[str, str] = {
    "action_id": "campaigns.ScheduledAction",
    "address_id": "campaigns.LeadChannel",
    "alert_id": "reporting.Alert",
    "brake_id": "campaigns.Brake",
    "campaign_id": "campaigns.Campaign",
    "canned_id": "inbox.CannedReply",
    "channel_id": "reporting.AlertChannel",
    "client_id": "tenancy.Client",
    "company_id": "campaigns.Company",
    "connection_id": "integrations.Connection",
    "conversation_id": "inbox.Conversation",
    "delivery_id": "integrations.WebhookDelivery",
    "enrollment_id": "campaigns.Enrollment",
    "field_id": "campaigns.LeadField",
    "file_id": "inbox.MessageFile",
    "entitlement_id": "tenancy.Entitlement",
    "entry_id": "tenancy.AuditEntry",
    "holiday_id": "campaigns.OwnHoliday",
    "incident_id": "integrations.LedgerIncident",
    "import_id": "campaigns.LeadImport",
    "invitation_id": "tenancy.Invitation",
    "label_id": "inbox.Label",
    "lead_id": "campaigns.Lead",
    "link_id": "reporting.ShareLink",
    "macro_id": "inbox.Macro",
    "mail_id": "reporting.ReportMail",
    "merge_id": "campaigns.LeadMerge",
    "message_id": "inbox.Message",
    "recipient_id": "reporting.ReportRecipient",
    "migration_id": "campaigns.PlanMigration",
    "move_id": "inbox.ThreadMove",
    "note_id": "inbox.Note",
    "outbound_id": "integrations.OutboundMessage",
    "reading_id": "campaigns.ReplyReading",
    "replay_id": "integrations.ReplayRun",
    "report_note_id": "reporting.ReportNote",
    "rule_id": "inbox.AssignmentRule",
    "report_id": "integrations.ReconciliationReport",
    "run_id": "integrations.SyncRun",
    "sender_id": "integrations.SenderAccount",
    "settings_id": "inbox.NotificationSettings",
    "simulation_id": "campaigns.Simulation",
    "snippet_id": "campaigns.Snippet",
    "suppression_id": "campaigns.Suppression",
    "switch_id": "integrations.KillSwitch",
    "template_id": "campaigns.PlanTemplate",
    "token_id": "tenancy.ApiToken",
    "version_id": "campaigns.PlanVersion",
}

#: Arguments that are plain words: a value that exists for everybody.
WORDS: dict[str, str] = {
    "token": "0" * 64,
    "provider": "unipile",
    "connection_key": "unknown-key",
    "colour": "1f6feb",
    "node_id": "start",
    "action": "invite",
    "kind": "sync_lag",
    "recipient_domain": "example.com",
    "form": "csv",
}


def _own(rows: Rows, label: str, owner: str, **values: Any) -> Any:
    """The id of a new row of the agency's admin."""
    return rows.fresh(apps.get_model(label), **{owner: rows.agency.admin}, **values).id


#: Rows that exist already, where a second one would be refused.
FOUND: dict[str, Callable[[Rows], Any]] = {
    "export_id": lambda rows: _own(rows, "reporting.ExportJob", "owner", kind="rows", state="done"),
    "member_id": lambda rows: Membership.objects.get(user=rows.agency.agent2).id,
    "organization_id": lambda rows: rows.agency.id,
    "act_id": lambda rows: _own(rows, "inbox.JournalEntry", "actor", act="close"),
    "saved_id": lambda rows: _own(rows, "reporting.SavedReport", "owner", is_shared=True),
    "lead_act_id": lambda rows: _own(rows, "campaigns.LeadAct", "actor", act="label", given={"label": "x"}),
    "segment_id": lambda rows: _own(rows, "campaigns.LeadSegment", "owner", query="channel=email"),
    "view_id": lambda rows: _own(rows, "inbox.SavedView", "owner", query="view=all"),
}

#: Rows that are their owner's (``Rows`` makes them the admin's): other roles may get 404.
PERSONAL = frozenset({"act_id", "export_id", "lead_act_id", "saved_id", "segment_id", "token_id", "view_id"})


@dataclass(frozen=True)
class Argument:
    """How a value for an argument is made, and whether the row belongs to a client."""

    make: Callable[[Rows], Any]
    is_object: bool
    client_bound: bool


def argument(name: str) -> Argument | None:
    """Return what an argument stands for, or ``None`` when nobody has said."""
    if name in WORDS:
        return Argument(lambda rows: WORDS[name], is_object=False, client_bound=False)
    if name in FOUND:
        return Argument(FOUND[name], is_object=True, client_bound=False)
    label = MODELS.get(name)
    if label is None:
        return None
    model = apps.get_model(label)
    return Argument(lambda rows: id_of(rows.row(model)), is_object=True, client_bound=is_client_bound(model))


_CLIENT = "tenancy.Client"

#: Forms that name the object they act upon: field to a model's label, or to a plain word.
FORMS: dict[str, dict[str, str]] = {
    "o/<slug:organization_slug>/senders/add-email/": {"connection": "integrations.Connection", "client": _CLIENT},
    "o/<slug:organization_slug>/senders/add-number/": {"connection": "integrations.Connection", "client": _CLIENT},
    "o/<slug:organization_slug>/senders/add-account/": {"connection": "integrations.Connection", "client": _CLIENT},
    "o/<slug:organization_slug>/senders/connect/": {"connection": "integrations.Connection", "client": _CLIENT},
    "o/<slug:organization_slug>/ops/rates/shared/": {"scope": "client", "subject": _CLIENT, "cap": "500"},
    "o/<slug:organization_slug>/ops/reconciliation/start/": {"connection": "integrations.Connection"},
    "o/<slug:organization_slug>/ops/switches/throw/": {
        "level": "client", "target": _CLIENT, "on": "1", "reason": "A drill",
    },
}  # fmt: skip


def form(pattern: str, rows: Rows) -> dict[str, str]:
    """Return what is sent to an address: rows of ``rows`` where its form names objects. Needs the scope."""
    fields = FORMS.get(pattern, {})
    return {
        name: str(id_of(rows.row(apps.get_model(value)))) if "." in value else value
        for name, value in fields.items()
    }
