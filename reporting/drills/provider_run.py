"""The outreach of drills whose campaign a provider runs: Smartlead writes, people answer, webhooks tell of it."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from campaigns.services import outreach as rules
from integrations.base import ListsAccounts, require
from integrations.models import Connection, SenderAccount
from integrations.sandbox.testing import SandboxRefused
from integrations.services import connections, senders
from integrations.services.adapters import adapter_of
from reporting.drills import outreach
from reporting.drills.outreach import Outreach


class ProviderRunOutreach(Outreach):
    """One run of it. What leaves twice is counted by the provider's own messages: it sends, we do not."""

    run_on = "email"
    steps: ClassVar[list[dict[str, Any]]] = [
        {"kind": "email", "subject": "Question", "body": "Message for {{ lead.first_name }}."},
        {"kind": "email", "delayDays": 30, "workingDays": False, "threaded": True, "body": "One more thing."},
    ]

    def _seat(self) -> str:
        body = {"address": f"seat@{self.word}.example", "name": f"Seat {self.word.capitalize()}"}
        return str(self.ground.sandbox.call("POST", "/smartlead/accounts", body)["address"])

    def _connect(self) -> Connection:
        made = connections.create(
            provider="smartlead",
            name=f"Smartlead {self.word}",
            credentials={"api_key": self.key},
            client=self.client,
            actor=self.access.user,
        )
        connections.try_out(connection=made, actor=self.access.user)
        rules.save(
            client=self.client,
            values={
                "legal_name": f"Drill {self.word}",
                "postal_address": "1 Drill Road, Town",
                "email_basis": "consent",
                "email_basis_note": "People of the sandbox.",
            },
            actor=self.access.user,
        )
        return made.refreshed()

    def _adopt(self) -> SenderAccount:
        account = require(adapter_of(self.connection), ListsAccounts).get_account(self.seat_id)
        return senders.adopt(
            connection=self.connection,
            client=self.client,
            account=account,
            time_zone="UTC",
            actor=self.access.user,
        )

    def slug(self, number: int) -> str:
        """The address of a person."""
        return f"person.{number}@{self.word}-people.example"

    def _addresses(self, number: int) -> dict[str, tuple[str, str]]:
        return {"email": (self.slug(number), self.slug(number))}

    def go_on(self) -> None:
        """Let the people answer once what they were written."""
        for number in range(outreach.PEOPLE):
            if number not in self.answered and self._written(number):
                text = f"Answer of {self.word.capitalize()}{number}."
                try:
                    self.ground.sandbox.act(
                        self.slug(number), "reply", settle=False, text=text, provider="smartlead"
                    )
                except SandboxRefused:
                    continue
                self.answered.add(number)

    def _written(self, number: int) -> list[str]:
        """What the provider sent a person."""
        standing = self.ground.sandbox.person(self.slug(number)).get("smartlead", [])
        return [said["text"] for row in standing for said in row["messages"] if said["from"] == "seat"]

    def sent(self) -> Counter[str]:
        """Return how often the provider sent each message, by its words without what tells two runs apart."""
        return Counter(
            f"message: {text}".replace(self.word.capitalize(), "Person")
            for number in range(outreach.PEOPLE)
            for text in self._written(number)
        )
