"""Accounts of several kinds, and a way to use up what they have."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from integrations.models import Connection, RateUsage, SenderAccount
from integrations.services import rates
from project.core.clock import now
from project.core.scoping import organization_scope
from tests.factories import Agency

MakeSender = Callable[..., SenderAccount]
_numbers = itertools.count(1)


@pytest.fixture
def make_sender(kestrel: Agency) -> MakeSender:
    """Make an account of the agency's first client; needs the scope."""

    def make(channel: str = "linkedin", **values: object) -> SenderAccount:
        connection, _created = Connection.objects.get_or_create(
            provider="unipile", name="LinkedIn", defaults={"status": "ok"}
        )
        number = next(_numbers)
        made: SenderAccount = SenderAccount.objects.create(
            **{
                "client": kestrel.first,
                "connection": connection,
                "channel": channel,
                "name": f"Account {number}",
                "provider_account_id": f"account-{number}",
                "status": SenderAccount.Status.OK,
                **values,
            }
        )
        return made

    return make


def take(
    sender: SenderAccount, action: str, count: int = 1, domain: str = ""
) -> list[rates.Reserved | rates.Refused]:
    """Reserve as many units one after the other, now."""
    demands = [rates.Demand(sender, action, domain)] * count
    return rates.reserve_many(demands, now())


def used(**which: object) -> int:
    """How much of one budget is used."""
    return int(RateUsage.objects.get(**which).used)


__all__ = ["MakeSender", "organization_scope", "take", "used"]
