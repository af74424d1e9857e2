"""The small outreach that drills play: people are invited, accept, are written to, and answer.

Two of them, with the same people by number, have to end the same: enrollments, conversations, and at the provider
each invitation and message exactly once.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar, Final

from campaigns.imports.mapping import RowDraft
from campaigns.models import Campaign, Enrollment
from campaigns.plans.linear import parse_sequence, to_plan
from campaigns.services import campaigns as campaign_service
from campaigns.services import enrollments
from campaigns.services import leads as lead_service
from campaigns.services.settings import Audience, CampaignSettings
from inbox.models import Message
from integrations.base import ConnectsAccounts, require
from integrations.models import Connection, LimitWindow, SenderAccount
from integrations.sandbox.testing import SandboxRefused
from integrations.services import connections, rates, senders
from integrations.services.adapters import adapter_of
from project.tenancy.access import Access
from project.tenancy.services import clients as client_service
from reporting.drills.ground import Ground

PEOPLE: Final = 6
#: What an account of a drill may do on a day.
ROOM: Final = 10_000
_NOTE: Final = "Note for {{ lead.first_name }}."
_TEXT: Final = "Message for {{ lead.first_name }}."


class Outreach:
    """One run of it, for a client, connection and seat of its own. ``word`` is in all names, to tell runs apart."""

    #: The channel, if a provider runs the campaign (as ``campaigns.services.campaigns.create`` takes it).
    run_on = ""
    steps: ClassVar[list[dict[str, Any]]] = [
        {"kind": "invite", "note": _NOTE},
        {"kind": "message", "text": _TEXT},
    ]

    def __init__(self, ground: Ground, access: Access, word: str) -> None:
        self.ground, self.access, self.word = ground, access, word
        self.key = f"drill-key-{word}"
        ground.allow_key(self.key)
        self.seat_id = self._seat()
        self.client = client_service.create(access=access, name=word.capitalize(), colour=1, time_zone="UTC")
        self.connection = self._connect()
        self.sender = self._adopt()
        self.accepted: set[int] = set()
        self.answered: set[int] = set()

    def _seat(self) -> str:
        """Make the account at the provider; return its id."""
        return str(self.ground.sandbox.create_seat(f"Seat {self.word.capitalize()}")["id"])

    def _connect(self) -> Connection:
        made = connections.create(
            provider="unipile",
            name=f"Unipile {self.word}",
            credentials={"api_key": self.key},
            actor=self.access.user,
        )
        connections.try_out(connection=made, actor=self.access.user)
        connections.ensure_webhooks(connection=made, actor=self.access.user)
        return made.refreshed()

    def _adopt(self) -> SenderAccount:
        account = require(adapter_of(self.connection), ConnectsAccounts).get_account(self.seat_id)
        sender = senders.adopt(
            connection=self.connection,
            client=self.client,
            account=account,
            time_zone="UTC",
            actor=self.access.user,
        )
        # What was held back leaves at a pace that follows from the day's budget: minutes apart, by the usual one.
        for action in ("invite", "message", "profile_view"):
            for window in (LimitWindow.DAY, LimitWindow.WEEK):
                rates.set_limit(sender=sender, action=action, cap=ROOM, window=window, actor=self.access.user)
        return sender

    def slug(self, number: int) -> str:
        """The name of a person in addresses."""
        return f"{self.word}-person-{number}"

    def _addresses(self, number: int) -> dict[str, tuple[str, str]]:
        return {"linkedin": (f"https://www.linkedin.com/in/{self.slug(number)}", self.slug(number))}

    def launch(self) -> None:
        """Import the people and launch the campaign."""
        drafts = [
            RowDraft(
                number + 2,
                [],
                first_name=f"{self.word.capitalize()}{number}",
                last_name="Person",
                company=f"Company {number}",
                addresses=self._addresses(number),
            )
            for number in range(PEOPLE)
        ]
        lead_service.upsert_batch(client_id=self.client.id, drafts=drafts)
        actor = self.access.user
        name = f"Drill {self.word}"
        campaign: Campaign = campaign_service.create(
            client=self.client, name=name, actor=actor, run_on=self.run_on
        )
        campaign = campaign_service.update_settings(
            campaign=campaign,
            settings=CampaignSettings(
                name=name,
                time_zone="UTC",
                audience=Audience(kind="all"),
                sender_ids=[self.sender.id],
                weekdays=list(range(7)),
                start="00:00",
                end="00:00",
            ),
            actor=actor,
        )
        plan = to_plan(parse_sequence({"timezone": "UTC", "steps": self.steps}))
        campaign = campaign_service.save_plan(
            campaign=campaign,
            plan=plan.model_dump(mode="json", by_alias=True, exclude_defaults=True),
            actor=actor,
        )
        campaign_service.launch(campaign=campaign, actor=actor)
        enrollments.enroll_audience(campaign_id=campaign.id)

    def go_on(self) -> None:
        """Let the people do what they do once: accept what they were sent, and answer what they were written."""
        for number in range(PEOPLE):
            if number in self.answered:
                continue
            standing = self._standing(number)
            if standing is None:
                continue
            was_written_to = any(said["text"].startswith("Message for") for said in standing["messages"])
            if standing["invitation"] == "PENDING" and number not in self.accepted:
                if self._act(number, "accept"):
                    self.accepted.add(number)
            elif was_written_to and self._act(
                number, "reply", text=f"Answer of {self.word.capitalize()}{number}."
            ):
                self.answered.add(number)

    def _standing(self, number: int) -> dict[str, Any] | None:
        found = self.ground.sandbox.person(self.slug(number))["unipile"]
        return next((row for row in found if row["account_id"] == self.seat_id), None)

    def _act(self, number: int, action: str, **body: Any) -> bool:
        try:
            self.ground.sandbox.act(self.slug(number), action, settle=False, account_id=self.seat_id, **body)
        except SandboxRefused:
            # The seat is not connected now: they do it once it is.
            return False
        return True

    def sent(self) -> Counter[str]:
        """Return how often each invitation and message really left, by its words without what tells two runs apart."""
        left: Counter[str] = Counter()
        since = 0
        while True:
            found = self.ground.sandbox.call(
                "GET", "/calls", provider="unipile", writes=1, since_id=since, limit=200
            )["items"]
            for call in found:
                for write in call["writes"]:
                    if write.get("account_id") == self.seat_id and write["kind"] in {"invitation", "message"}:
                        words = f"{write['kind']}: {write['text']}"
                        left[words.replace(self.word.capitalize(), "Person")] += 1
            if not found:
                return left
            since = found[-1]["id"]

    def state(self) -> dict[int, dict[str, Any]]:
        """Return how each person stands here, without what tells the two runs apart."""
        told: dict[str, list[str]] = {}
        for name, direction, body in Message.objects.filter(
            conversation__client=self.client, deleted_at=None
        ).values_list("conversation__lead__first_name", "direction", "body"):
            told.setdefault(str(name), []).append(
                f"{direction}: {body.replace(self.word.capitalize(), 'Person')}"
            )
        rows = Enrollment.objects.filter(client=self.client).values_list(
            "lead__first_name", "status", "stage"
        )
        return {
            int(name.removeprefix(self.word.capitalize())): {
                "enrollment": f"{status}, {stage}",
                "messages": sorted(told.get(name, [])),
            }
            for name, status, stage in rows
        }

    def is_complete(self) -> bool:
        """Whether everybody has answered, and it is known here."""
        if len(self.answered) < PEOPLE:
            return False
        found = self.state()
        return len(found) == PEOPLE and all(
            row["enrollment"] == "ended, replied" and any("Answer of" in one for one in row["messages"])
            for row in found.values()
        )
