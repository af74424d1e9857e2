"""The Smartlead adapter (docs/providers/smartlead.md). A sender account is a mailbox, by its address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from integrations.base import CAMPAIGN_SOURCE, MessageKnowledge
from integrations.errors import ErrorKind, ProviderError
from integrations.events import Normalised
from integrations.outreach import registrations, steps, variables
from integrations.outreach.client import number_id, segment
from integrations.outreach.fields import address, asked_list, count, listing, load_call, mapping, text
from integrations.providers.smartlead import inbound, parse, threads, webhooks
from integrations.providers.smartlead.client import PROVIDER, VENDOR, SmartleadClient
from integrations.running import (
    CampaignSchedule,
    CampaignSettings,
    CampaignStatus,
    LeadCategory,
    LeadsAdded,
    NewLead,
    ProviderCampaign,
    ProviderLead,
    ProviderMessage,
    ProviderSequence,
    ProviderStatistics,
    SequenceStep,
    StepAction,
    StepProblem,
    ThreadReply,
)
from integrations.values import (
    Account,
    CredentialCheck,
    Page,
    SendReceipt,
    WebhookFinding,
    WebhookRegistration,
)

ABILITIES: Final = steps.Abilities(label="Smartlead", actions=frozenset({StepAction.EMAIL}))
_PAGE: Final = 100
_MOST_CUSTOM: Final = 20
_K = ErrorKind


class SmartleadAdapter:
    """One Smartlead account. Build it with ``registry.adapter_for``."""

    kind = PROVIDER
    #: Newer documents say 400, older ones 100.
    lead_batch = 100

    def __init__(
        self,
        *,
        credentials: Mapping[str, str],
        base_url: str,
        trusted_base_url: str = "",
        breaker_key: str = "",
    ) -> None:
        self._client = SmartleadClient(
            credentials=credentials,
            base_url=base_url,
            trusted_base_url=trusted_base_url,
            breaker_key=breaker_key,
        )

    # --- VerifiesCredentials, ListsAccounts -------------------------------------------------------

    def verify_credentials(self) -> CredentialCheck:
        """Read the mailboxes and the campaigns."""
        try:
            accounts = self._accounts()
            campaigns = self.list_campaigns().items
        except ProviderError as error:
            return CredentialCheck(ok=False, lacks=(error.message,))
        lacks = () if accounts else ("No mailbox is connected at Smartlead yet.",)
        works = (f"Smartlead answers. Mailboxes: {len(accounts)}. Campaigns: {len(campaigns)}.",)
        return CredentialCheck(ok=True, works=works, lacks=lacks, accounts=tuple(accounts))

    def list_accounts(self, *, cursor: str | None = None, limit: int = 100) -> Page[Account]:
        """Return a page of the mailboxes."""
        offset, size = int(cursor or 0), max(1, min(limit, _PAGE))
        body, paged = self._client.paged("/email-accounts/", {"offset": offset, "limit": size})
        found = asked_list(PROVIDER, body, "data", "email_accounts")
        more = paged and len(found) >= size
        return Page(items=tuple(map(parse.account, found)), cursor=str(offset + size) if more else None)

    def get_account(self, account_id: str) -> Account:
        """Return one mailbox by its address."""
        body = self._client.get("/email-accounts/", {"offset": 0, "limit": _PAGE, "username": account_id})
        for raw in listing(body, "data", "email_accounts"):
            if (found := parse.account(raw)).account_id == address(account_id):
                return found
        raise VENDOR.error(_K.NOT_FOUND, "Smartlead does not have this mailbox.")

    def _accounts(self) -> list[Account]:
        found: list[Account] = []
        cursor: str | None = None
        for _ in range(200):
            page = self.list_accounts(cursor=cursor)
            found += page.items
            cursor = page.cursor
            if cursor is None:
                break
        return found

    # --- RunsCampaigns ----------------------------------------------------------------------------

    def list_campaigns(self, *, cursor: str | None = None, limit: int = 100) -> Page[ProviderCampaign]:
        """Return all campaigns on one page: this list takes no paging, and refuses a ``limit``."""
        del cursor, limit
        body = self._client.get("/campaigns/")
        return Page(items=tuple(map(parse.campaign, asked_list(PROVIDER, body, "data", "campaigns"))))

    def get_campaign(self, campaign_id: str) -> ProviderCampaign:
        """Return one campaign; a missing one is answered with 200 and nothing."""
        body = self._client.get(self._path(campaign_id))
        raw = mapping(mapping(body).get("data")) or mapping(body)
        if not text(raw, "id"):
            raise VENDOR.error(_K.NOT_FOUND, "Smartlead does not have this campaign.")
        return parse.campaign(raw)

    def create_campaign(self, *, name: str, account_ids: Sequence[str] = ()) -> ProviderCampaign:
        """Make a draft, and give it its mailboxes."""
        body = mapping(self._client.call("POST", "/campaigns/create", json={"name": name}, once=True))
        campaign_id = text(body, "id") or text(mapping(body.get("data")), "id")
        if not campaign_id:
            message = "Smartlead does not say which campaign it made."
            raise VENDOR.error(_K.INDETERMINATE, message, raw_type="unreadable_answer")
        if account_ids:
            self.set_campaign_accounts(campaign_id, account_ids)
        return self.get_campaign(campaign_id)

    def change_settings(self, campaign_id: str, settings: CampaignSettings) -> None:
        """Change settings; the limits belong to the schedule."""
        if settings.daily_limit is not None or settings.new_leads_per_day is not None:
            message = "At Smartlead, limits are set on mailboxes and in the campaign's schedule."
            raise VENDOR.error(_K.UNSUPPORTED, message)
        body: dict[str, Any] = {}
        if settings.name is not None:
            body["name"] = settings.name
        if settings.plain_text is not None:
            body["send_as_plain_text"] = settings.plain_text
        if settings.unsubscribe_text is not None:
            body["unsubscribe_text"] = settings.unsubscribe_text
        if settings.stop_on_reply is not None:
            if not settings.stop_on_reply:
                raise VENDOR.error(_K.UNSUPPORTED, "Smartlead always stops at a reply, click or opening.")
            body["stop_lead_settings"] = "REPLY_TO_AN_EMAIL"
        path = f"{self._path(campaign_id)}/settings"
        if settings.track_opens is None and settings.track_clicks is None:
            self._client.call("POST", path, json=body)
            return
        self._change_tracking(campaign_id, path, body, settings)

    def _change_tracking(
        self, campaign_id: str, path: str, body: dict[str, Any], settings: CampaignSettings
    ) -> None:
        """Write what is not tracked: the whole list, in the newest words, or the older ones where those are
        refused.
        """
        off = set(parse.untracked(self.get_campaign(campaign_id).raw))
        for name, wanted in (("open", settings.track_opens), ("click", settings.track_clicks)):
            if wanted is not None:
                off = off - {name} if wanted else off | {name}
        words = {"open": "EMAIL_OPEN", "click": "LINK_CLICK", "reply": "REPLY_TO_AN_EMAIL"}
        for prefix in ("DONT_TRACK_", "DONT_"):
            body["track_settings"] = [prefix + words[name] for name in sorted(off)]
            try:
                self._client.call("POST", path, json=body)
                return
            except ProviderError as error:
                if (
                    prefix == "DONT_"
                    or error.kind is not _K.VALIDATION
                    or "track_settings" not in error.detail
                ):
                    raise

    def change_schedule(self, campaign_id: str, schedule: CampaignSchedule) -> None:
        """Set the hours. Everything is required; Sunday is 0 for some accounts and 7 for others."""
        if not schedule.days or not schedule.days <= frozenset(range(1, 8)):
            raise VENDOR.error(_K.VALIDATION, "A schedule needs days from 1 (Monday) to 7 (Sunday).")
        for sunday in (0, 7):
            days = sorted(day if day != 7 else sunday for day in schedule.days)
            body = {
                "timezone": schedule.timezone,
                "days_of_the_week": days,
                "start_hour": schedule.start,
                "end_hour": schedule.end,
                "min_time_btw_emails": 10 if schedule.minutes_between is None else schedule.minutes_between,
                "max_new_leads_per_day": 100
                if schedule.new_leads_per_day is None
                else schedule.new_leads_per_day,
            }
            try:
                self._client.call("POST", f"{self._path(campaign_id)}/schedule", json=body)
                return
            except ProviderError as error:
                refuses_day = error.kind is _K.VALIDATION and "days_of_the_week" in error.detail
                if sunday == 7 or 7 not in schedule.days or not refuses_day:
                    raise

    def start_campaign(self, campaign_id: str) -> ProviderCampaign:
        """Start or resume."""
        return self._set_status(campaign_id, "START")

    def pause_campaign(self, campaign_id: str) -> ProviderCampaign:
        """Pause."""
        return self._set_status(campaign_id, "PAUSED")

    def stop_campaign(self, campaign_id: str) -> ProviderCampaign:
        """Stop for good."""
        return self._set_status(campaign_id, "STOPPED")

    def _set_status(self, campaign_id: str, word: str) -> ProviderCampaign:
        self._client.call("POST", f"{self._path(campaign_id)}/status", json={"status": word})
        return self.get_campaign(campaign_id)

    # --- KeepsSequences ---------------------------------------------------------------------------

    def check_sequence(self, sequence: Sequence[SequenceStep]) -> tuple[StepProblem, ...]:
        """Say what Smartlead cannot express."""
        found = steps.check(sequence, ABILITIES)
        names = {
            name
            for step in sequence
            for part in (step.subject, step.body)
            for name in variables.names(part)
            if name not in parse.SPELLING
        }
        if len(names) > _MOST_CUSTOM:
            message = f"Smartlead takes {_MOST_CUSTOM} custom fields; the texts use {len(names)}."
            found.append(StepProblem(step=0, field="body", message=message))
        return tuple(found)

    def get_sequence(self, campaign_id: str) -> ProviderSequence:
        """Return the steps."""
        body = self._client.get(f"{self._path(campaign_id)}/sequences")
        return ProviderSequence(campaign_id=campaign_id, steps=parse.steps(body))

    def save_sequence(self, campaign_id: str, sequence: Sequence[SequenceStep]) -> ProviderSequence:
        """Replace the steps. A running campaign has to be paused first."""
        for problem in self.check_sequence(sequence):
            where = f"Step {problem.step}: " if problem.step else ""
            raise VENDOR.error(_K.VALIDATION, f"{where}{problem.message}", raw_type=problem.field)
        if self.get_campaign(campaign_id).status is CampaignStatus.RUNNING:
            raise VENDOR.error(_K.CONFLICT, "The campaign is running. Pause it first.")
        body = {"sequences": [parse.step_body(step) for step in sequence]}
        self._client.call("POST", f"{self._path(campaign_id)}/sequences", json=body)
        return self.get_sequence(campaign_id)

    # --- AssignsSenders ---------------------------------------------------------------------------

    def campaign_accounts(self, campaign_id: str) -> tuple[Account, ...]:
        """Return the campaign's mailboxes."""
        body = self._client.get(f"{self._path(campaign_id)}/email-accounts")
        return tuple(map(parse.account, asked_list(PROVIDER, body, "data", "email_accounts")))

    def set_campaign_accounts(self, campaign_id: str, account_ids: Sequence[str]) -> None:
        """Attach what is missing and detach the rest (a DELETE with a body)."""
        wanted = {address(account_id) for account_id in account_ids}
        present = {account.account_id: account for account in self.campaign_accounts(campaign_id)}
        path = f"{self._path(campaign_id)}/email-accounts"
        missing = wanted - set(present)
        if missing:
            known = {account.account_id: account for account in self._accounts()}
            unknown = sorted(missing - set(known))
            if unknown:
                raise VENDOR.error(_K.NOT_FOUND, f"Smartlead has no mailbox {', '.join(unknown)}.")
            self._client.call(
                "POST", path, json={"email_account_ids": [_number(known[mail]) for mail in sorted(missing)]}
            )
        surplus = sorted(set(present) - wanted)
        if surplus:
            self._client.call(
                "DELETE", path, json={"email_account_ids": [_number(present[mail]) for mail in surplus]}
            )

    # --- KeepsLeads, StopsLeads, HoldsLeads, CategorisesLeads ------------------------------------------------

    def add_leads(self, campaign_id: str, leads: Sequence[NewLead]) -> LeadsAdded:
        """Add people. Smartlead counts those whom it has already."""
        if len(leads) > self.lead_batch:
            raise VENDOR.error(_K.VALIDATION, f"Smartlead takes {self.lead_batch} people at once.")
        refused = {
            lead.key or f"#{place}": "Smartlead needs an e-mail address."
            for place, lead in enumerate(leads, 1)
            if "@" not in lead.email
        }
        good = [parse.lead_body(lead) for lead in leads if "@" in lead.email]
        if not good:
            return LeadsAdded(refused=refused)
        body = {
            "lead_list": good,
            "settings": {
                "ignore_global_block_list": False,
                "ignore_unsubscribe_list": False,
                "ignore_duplicate_leads_in_other_campaign": False,
                "ignore_community_bounce_list": False,
            },
        }
        added = parse.added(
            self._client.call("POST", f"{self._path(campaign_id)}/leads", json=body, once=True)
        )
        return added.model_copy(update={"refused": refused | added.refused})

    def list_leads(
        self, campaign_id: str, *, cursor: str | None = None, limit: int = 100
    ) -> Page[ProviderLead]:
        """Return a page of the campaign's people."""
        offset, size = int(cursor or 0), max(1, min(limit, _PAGE))
        body, paged = self._client.paged(
            f"{self._path(campaign_id)}/leads", {"offset": offset, "limit": size}
        )
        found = asked_list(PROVIDER, body, "data", "leads")
        total = count(mapping(body), "total_leads", "totalLeads")
        more = (
            paged and bool(found) and (len(found) >= size if total is None else offset + len(found) < total)
        )
        items = tuple(parse.lead(raw, campaign_id) for raw in found)
        return Page(items=items, cursor=str(offset + len(found)) if more else None)

    def pause_lead(self, campaign_id: str, lead: ProviderLead) -> None:
        """Hold the campaign for one person."""
        self._client.call("POST", f"{self._lead(campaign_id, lead)}/pause")

    def resume_lead(self, campaign_id: str, lead: ProviderLead) -> None:
        """Go on. Smartlead answers 500 for somebody at their last step."""
        self._client.call("POST", f"{self._lead(campaign_id, lead)}/resume", json={})

    def stop_lead(self, campaign_id: str, lead: ProviderLead) -> None:
        """Unsubscribe the person from this campaign: Smartlead's only way to end it for one."""
        self._client.call("POST", f"{self._lead(campaign_id, lead)}/unsubscribe")

    def list_categories(self) -> tuple[LeadCategory, ...]:
        """Return the categories of this account."""
        body = self._client.get("/leads/fetch-categories")
        return tuple(
            LeadCategory(
                category_id=text(raw, "id"),
                name=text(raw, "name"),
                sentiment=text(raw, "sentiment_type").lower(),
            )
            for raw in listing(body, "data", "categories")
        )

    def set_category(self, campaign_id: str, lead: ProviderLead, category_id: str, *, pause: bool) -> None:
        """Sort a person."""
        number = number_id(category_id, VENDOR) if category_id else None
        body = {"category_id": number, "pause_lead": pause}
        self._client.call("POST", f"{self._lead(campaign_id, lead)}/category", json=body)

    # --- KeepsThreads, CountsCampaigns ------------------------------------------------------------

    def lead_messages(self, campaign_id: str, lead: ProviderLead) -> Page[ProviderMessage]:
        """Return the thread with one person."""
        return threads.of_lead(self._client, self._lead(campaign_id, lead), campaign_id, lead)

    def list_replies(
        self,
        *,
        after: datetime | None = None,
        cursor: str | None = None,
        limit: int = 100,
        own: bool = False,
    ) -> Page[ProviderMessage]:
        """Return a page of the master inbox."""
        return threads.replies(self._client, after, int(cursor or 0), limit, own=own)

    def events_from_thread(self, message: ProviderMessage, *, seen_at: datetime) -> Normalised:
        """Turn a polled message into an event."""
        return inbound.from_message(message, seen_at=seen_at)

    def reply_to_thread(self, reply: ThreadReply) -> SendReceipt:
        """Answer in the thread."""
        return threads.answer(self._client, reply)

    def campaign_statistics(self, campaign_id: str) -> ProviderStatistics:
        """Return the counters."""
        body = mapping(self._client.get(f"{self._path(campaign_id)}/analytics"))
        return parse.statistics(mapping(body.get("data")) or body, campaign_id)

    # --- ReceivesWebhooks, ManagesWebhooks --------------------------------------------------------

    def verify_webhook(
        self, *, url: str, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
    ) -> None:
        """Check token, signature or secret key."""
        webhooks.verify(url, headers, body, secrets)

    def webhook_type(self, body: bytes) -> str:
        """Return the event's name, ``""`` if it cannot be read."""
        try:
            return inbound.event_name(load_call(body, PROVIDER))
        except ProviderError:
            return ""

    def webhook_key(self, body: bytes) -> str | None:
        """Return the identity of the call, ``None`` for one that cannot be read."""
        try:
            return inbound.delivery_key(load_call(body, PROVIDER))
        except ProviderError:
            return None

    def normalise(
        self, body: bytes, *, headers: Mapping[str, str], received_at: datetime, knowledge: MessageKnowledge
    ) -> Normalised:
        """Turn a call into events."""
        del headers
        return inbound.from_webhook(load_call(body, PROVIDER), received_at=received_at, knowledge=knowledge)

    def required_webhooks(self, *, url: str, secret: str) -> tuple[WebhookRegistration, ...]:
        """Return one registration for each campaign that is not put away. Asks for the campaigns."""
        return webhooks.required(self.list_campaigns().items, url, secret)

    def list_webhooks(self) -> tuple[WebhookRegistration, ...]:
        """Return the registrations of all campaigns, one request for each: there is no list over all."""
        campaigns = self.list_campaigns().items
        return tuple(found for item in campaigns for found in webhooks.listed(self._client, item.campaign_id))

    def campaign_webhooks(self, source: str) -> tuple[WebhookRegistration, ...]:
        """Return the registrations of one campaign."""
        return tuple(webhooks.listed(self._client, source.removeprefix(CAMPAIGN_SOURCE)))

    def check_webhooks(
        self, *, registered: Sequence[WebhookRegistration], required: Sequence[WebhookRegistration]
    ) -> tuple[WebhookFinding, ...]:
        """Say what is wrong."""
        return registrations.check(registered, required)

    def create_webhook(self, registration: WebhookRegistration) -> str:
        """Register for one campaign."""
        return webhooks.create(self._client, registration)

    def delete_webhook(self, registration_id: str) -> None:
        """Remove. Gone already is fine."""
        try:
            webhooks.delete(self._client, registration_id)
        except ProviderError as error:
            if error.kind is not _K.NOT_FOUND:
                raise

    # --- Paths ------------------------------------------------------------------------------------

    def _path(self, campaign_id: str) -> str:
        return f"/campaigns/{segment(campaign_id, VENDOR)}"

    def _lead(self, campaign_id: str, lead: ProviderLead) -> str:
        """Paths want the lead's id, not that of its membership."""
        return f"{self._path(campaign_id)}/leads/{segment(lead.lead_id, VENDOR)}"


def _number(account: Account) -> int:
    return number_id(account.options.get("email_account_id", ""), VENDOR)
