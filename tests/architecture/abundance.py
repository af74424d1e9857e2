"""Rows of everything that pages show, once or many times over, so that the cost of a page can be compared."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.apps import apps

from campaigns.plans.schema import Plan
from campaigns.services.campaigns import freeze
from project.core.clock import now
from project.tenancy import audit
from project.tenancy.services import clients, invitations, tokens
from reporting.models import Fact
from reporting.services import rollups
from tests.campaigns.conftest import SEQUENCE
from tests.factories import Agency, make_member, make_user
from tests.rows import Rows


class Abundance:
    """One agency's rows. ``first`` names the objects that detail pages are asked for; ``grow`` adds to them."""

    def __init__(self, agency: Agency) -> None:
        self.agency = agency
        self.access = agency.access(agency.admin)
        self.rows = Rows(agency, agency.first)
        self.first: dict[str, Any] = {}

    def grow(self, times: int) -> None:
        """Add ``times`` of everything: a client with its own objects, and more of what the first objects hold."""
        with self.agency.scope():
            for _ in range(times):
                self._once()
            rollups.rebuild(below=sys.maxsize)

    def _new(self, kind: str, /, **values: Any) -> Any:
        return self.rows.fresh(apps.get_model(kind), **values)

    def _keep(self, **objects: Any) -> None:
        for name, found in objects.items():
            self.first.setdefault(name, found)

    def _once(self) -> None:
        mark = uuid4().hex[:8]
        client = clients.create(access=self.access, name=f"Client {mark}")
        self._tenancy(client, mark)
        # Half of it belongs to the first client, so that its own pages grow as well.
        for owner in (self.agency.first, client):
            self._room(owner, f"{mark}{owner.slug[:3]}")

    def _tenancy(self, client: Any, mark: str) -> None:
        member = make_member(make_user(f"{mark}@rows.test"), "agent", [client, self.agency.first])
        invitations.create(email=f"inv-{mark}@rows.test", role="viewer", actor=self.agency.admin)
        entitlement = self._new(
            "tenancy.Entitlement", client=client, capability="sms_outreach", provider="twilio"
        )
        token, _ = tokens.create(access=self.access, name=f"Token {mark}", scopes=["read"])
        audit.record(actor=self.agency.admin, action="test.happened", subject=client)
        self._keep(member=member, entitlement=entitlement, token=token, client=self.agency.first)

    def _room(self, client: Any, mark: str) -> None:
        sender = self._sender(client, mark)
        made = self._import(client, mark)
        lead = self._lead(client, mark)
        campaign = self._campaign(client, sender, mark)
        self._new("campaigns.LeadImportLead", lead_import=self.first.get("import", made), lead=lead)
        enrollment = self._enrollment(campaign, lead, sender)
        self._conversation(client, sender, lead, enrollment, mark)
        self._operations(client, sender, mark)
        for kind in Fact.Kind.values:
            Fact.objects.create(
                occurred_at=now(), kind=kind, key=f"{mark}:{kind}", client_id=client.id,
                campaign_id=campaign.id, enrollment_id=enrollment.id, lead_id=lead.id, sender_id=sender.id,
                node_id="invite", channel="email", domain=f"{mark}.test", list_id=made.id, value=60,
            )  # fmt: skip
        self._reports(client, campaign, mark)
        self._keep(sender=sender, lead=lead, campaign=campaign)
        if campaign != self.first["campaign"]:
            # The first campaign and the first lead get more enrollments, actions and history too.
            if client == self.first["campaign"].client:
                self._enrollment(self.first["campaign"], lead, sender)
            if client == self.first["lead"].client:
                self._enrollment(campaign, self.first["lead"], sender)

    def _reports(self, client: Any, campaign: Any, mark: str) -> None:
        admin = self.agency.admin
        of_client = {"client": client, "campaign": campaign}
        self._new("reporting.ReportNote", **of_client, day=now().date(), text=mark, author=admin)
        self._new("reporting.SavedReport", **of_client, owner=admin, name=mark, query="days=7")
        self._new(
            "reporting.ExportJob", client=client, owner=admin, kind="rows", state="running", rows_total=9,
            expires_at=now() + timedelta(days=7),
        )  # fmt: skip
        self._new("campaigns.PlanReview", campaign=campaign, plan_hash=mark, plan=SEQUENCE, asked_by=admin)

    def _sender(self, client: Any, mark: str) -> Any:
        connection = self._new(
            "integrations.Connection", client=None, provider="unipile", name=f"Unipile {mark}",
            base_url="http://127.0.0.1:9/unipile", status="ok",
        )  # fmt: skip
        sender = self._new(
            "integrations.SenderAccount", client=client, connection=connection, channel="linkedin",
            name=f"Sender {mark}", provider_account_id=mark, own_user_id=mark, status="ok",
        )  # fmt: skip
        self._keep(connection=connection)
        return sender

    def _import(self, client: Any, mark: str) -> Any:
        made = self._new(
            "campaigns.LeadImport", client=client, uploaded_by=self.agency.admin, file_name=f"{mark}.csv",
            headers=["Name", "LinkedIn"], mapping={"0": "full_name", "1": "linkedin"}, state="previewed",
            counts={"create": 1, "invalid": 1},
            sample=[{"number": 2, "values": ["Ada", "ada"], "verdict": "create", "error": "", "addresses": {}}],
        )  # fmt: skip
        self._keep(**{"import": made})
        first = self.first["import"]
        count = first.row_errors.count()
        self._new("campaigns.LeadImportError", lead_import=first, row_number=count + 2, values=["a", "b"])
        return made

    def _lead(self, client: Any, mark: str) -> Any:
        company = self._new("campaigns.Company", client=client, name=f"Company {mark}", name_key=mark)
        lead = self._new(
            "campaigns.Lead", client=client, company=company, first_name="Ada", last_name=f"Row {mark}",
            fields={"Note": mark},
        )  # fmt: skip
        for kind, value in (("linkedin", mark), ("email", f"{mark}@x.test")):
            self._new(
                "campaigns.LeadChannel", client=client, lead=lead, kind=kind, value=value, normalized=value
            )
        return lead

    def _campaign(self, client: Any, sender: Any, mark: str) -> Any:
        plan = Plan.model_validate(SEQUENCE).model_dump(mode="json", by_alias=True)
        campaign = self._new(
            "campaigns.Campaign", client=client, name=f"Campaign {mark}", status="active",
            draft_plan=plan, audience={"kind": "all"},
        )  # fmt: skip
        campaign.current_version = freeze(campaign=campaign)
        campaign.save()
        template = self._new("campaigns.PlanTemplate", client=client, name=f"Template {mark}", plan=plan)
        self._keep(template=template)
        campaign.template = self.first["template"]
        campaign.save()
        self._new("campaigns.CampaignSender", campaign=campaign, sender=sender)
        if "campaign" in self.first and self.first["campaign"].client_id == client.id:
            self._new("campaigns.CampaignSender", campaign=self.first["campaign"], sender=sender)
        return campaign

    def _enrollment(self, campaign: Any, lead: Any, sender: Any) -> Any:
        enrollment = self._new(
            "campaigns.Enrollment", client=campaign.client, campaign=campaign, lead=lead,
            plan_version=campaign.current_version, node_id="invite",
        )  # fmt: skip
        self._new(
            "campaigns.EnrollmentSender", enrollment=enrollment, channel="linkedin", sender=sender,
            reason="The only sender.",
        )  # fmt: skip
        self._new(
            "campaigns.ScheduledAction", client=campaign.client, enrollment=enrollment, campaign=campaign,
            sender=sender, kind="send", node_id="invite", dedupe_key="invite:1:send", due_at=now(),
            held_by="limit", held_reason=f"Held {uuid4().hex}",
        )  # fmt: skip
        self._new(
            "campaigns.Transition", client_id=campaign.client_id, enrollment=enrollment, lead_id=lead.id,
            cause="engine", reason="Enrolled.",
        )  # fmt: skip
        return enrollment

    def _conversation(self, client: Any, sender: Any, lead: Any, enrollment: Any, mark: str) -> None:
        thread = self._new(
            "inbox.Conversation", client=client, sender=sender, channel="linkedin", chat_id=mark, lead=lead,
            campaign=enrollment.campaign, enrollment=enrollment, assignee=self.agency.admin, has_inbound=True,
            last_message_at=now(), last_inbound_at=now(), last_snippet="Hello", unread=1, failed_sends=1,
            counterpart_name=f"Ada Row {mark}", counterpart_id=mark,
        )  # fmt: skip
        self._keep(conversation=thread)
        label = self._new("inbox.Label", client=client, name=f"Label {mark}")
        self._new("inbox.ConversationLabel", conversation=thread, label=label)
        for target in {thread, self.first["conversation"]}:
            if target.client_id == client.id and target != thread:
                self._new("inbox.ConversationLabel", conversation=target, label=label)
        self._new(
            "inbox.Conversation",
            client=client,
            sender=sender,
            channel="linkedin",
            chat_id=f"u{mark}",
            has_inbound=True,
            last_message_at=now(),
            counterpart_name="Ada Row",
            sla_due_at=now(),
        )
        self._new(
            "campaigns.LeadSegment", owner=self.agency.admin, name=f"Segment {mark}", query="channel=email"
        )
        lead = self.first.get("lead", lead)
        self._new("campaigns.LeadLabel", client=lead.client, lead=lead, name=f"label {mark}")
        act = self._new(
            "campaigns.LeadAct", actor=self.agency.admin, act="label", state="done", total=1, done=1
        )
        self._new("campaigns.LeadActItem", entry=act, lead=lead, state="failed", why="Not theirs.")
        self._new("inbox.SavedView", owner=self.agency.admin, name=f"View {mark}", query="view=all&unread=1")
        self._new("inbox.JournalEntry", actor=self.agency.admin, act="close", state="done", total=1, done=1)
        self._new("inbox.AssignmentRule", client=client, method="load", people=[str(self.agency.agent.id)])
        policy = apps.get_model("inbox.InboxPolicy")
        if not policy.objects.filter(client=client).exists():
            self._new("inbox.InboxPolicy", client=client)
        for target in {thread, self.first["conversation"]}:
            self._entries(target, sender, mark)
        # Other threads of the first lead, for its panel.
        if thread != self.first["conversation"] and client == self.first["conversation"].client:
            self._new(
                "inbox.Conversation", client=client, sender=sender, channel="linkedin", chat_id=f"o{mark}",
                lead=self.first["conversation"].lead, has_inbound=True, last_message_at=now(),
            )  # fmt: skip

    def _entries(self, thread: Any, sender: Any, mark: str) -> None:
        author = make_user(f"{uuid4().hex}@rows.test")
        for number, (direction, state) in enumerate([("inbound", "received"), ("outbound", "failed")]):
            message = self._new(
                "inbox.Message", conversation=thread, revision=number + 1, direction=direction, state=state,
                api_message_id=f"{mark}{number}", provider_message_id=f"{mark}n{number}", body="Hello",
                author=author if direction == "outbound" else None, occurred_at=now(),
            )  # fmt: skip
            self._keep(message=message)
        self._new("inbox.Note", conversation=thread, revision=3, author=author, body="A note")
        self._new(
            "inbox.SystemLine",
            conversation=thread,
            revision=4,
            kind="assigned",
            text="Taken",
            occurred_at=now(),
        )
        self._new("inbox.Participant", conversation=thread, provider_id=f"{mark}p", name="Ada")

    def _operations(self, client: Any, sender: Any, mark: str) -> None:
        delivery = self._new(
            "integrations.WebhookDelivery", connection_id=sender.connection_id, provider="unipile",
            event_type="message_received", state="processed", body=b"{}", payload_hash=mark,
            outcome=[{"event": "message_received", "outcome": {"inbox": "Stored."}}],
        )  # fmt: skip
        replay = self._new(
            "integrations.ReplayRun", requested_by=make_user(f"{uuid4().hex}@rows.test"), total=1,
            criteria={"connection_id": str(sender.connection_id), "sender_id": str(sender.id)},
        )  # fmt: skip
        run = self._new(
            "integrations.SyncRun", sender=sender, resource="messages", state="running", started_at=now()
        )
        self._new(
            "integrations.SyncCursor", sender=sender, resource="messages", last_error="Away.",
            next_try_at=now() + timedelta(minutes=1),
        )  # fmt: skip
        for number in range(2):
            self._new(
                "integrations.LedgerDay", sender=sender, day=now().date() - timedelta(days=number), listed=3,
                stored=2, matched=1, unmatched=1, checked_at=now(),
            )  # fmt: skip
        incident = self._new(
            "integrations.LedgerIncident", sender=sender, day=now().date(), missing=1, opened_at=now(),
            samples=[{"at": "2026-11-20", "who": "Ada", "text": "Hello"}],
        )  # fmt: skip
        report = self._new(
            "integrations.ReconciliationReport", connection=sender.connection, parts=["messages"], state="done",
            counts={"messages": {"created": 1}}, samples={"messages": {"created": [f"One of {mark}."]}},
            requested_by=self.agency.admin, notes=["A note."],
        )  # fmt: skip
        self._keep(incident=incident, report=report)
        self._new(
            "integrations.RateUsage", sender=sender, action="invite", day=now().date(), used=3,
            key=f"sender:{sender.id}:invite:day:{now().date()}",
        )  # fmt: skip
        self._new("integrations.RateLimit", sender=sender, action="invite", cap=20)
        self._new(
            "integrations.KillSwitch", level="sender", target_id=sender.id,
            reason="Drill", switched_by=self.agency.admin,
        )  # fmt: skip
        for state in ("queued", "failed", "unknown"):
            self._new(
                "integrations.OutboundMessage", client=client, sender=sender, channel="linkedin",
                action="message", origin="campaign", dedupe_key=f"{mark}:{state}", body="Hi", state=state,
                hold_code="limit" if state == "queued" else "", hold_reason=f"Held {mark}",
            )  # fmt: skip
        self._new(
            "integrations.ProviderFailure", minute=now(), connection_id=sender.connection_id, sender_id=sender.id,
            provider="unipile", kind="unavailable", is_transient=True, route="send_message", last_at=now(),
        )  # fmt: skip
        alert = self._new(
            "reporting.Alert", kind="sync_lag", key=mark, client=client, subject=f"Sender {mark}", message="Late.",
            acknowledged_by=self.agency.admin,
        )  # fmt: skip
        self._new(
            "reporting.Alert", kind="sync_lag", key=mark, subject="Over", message="x", resolved_at=now()
        )
        channel = self._new("reporting.AlertChannel", kind="email", name=mark, shown="a@rows.test")
        self._keep(delivery=delivery, run=run, replay=replay, alert=alert, channel=channel)
