"""Providers' lists and our own suppressions, both ways."""

from __future__ import annotations

import pytest

from campaigns.events import AddressUnsubscribed
from campaigns.models import Suppression, Unsubscribe
from campaigns.services import provider_lists
from integrations.domain_events import ProviderSuppressed
from integrations.models import Connection, SenderAccount
from integrations.services import connections, suppressions
from integrations.values import ProviderSuppression
from project.core.events import publish
from tests.factories import Agency

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection(kestrel: Agency) -> Connection:
    with kestrel.scope():
        return connections.create(provider="sendgrid", name="", credentials={"api_key": "x"}, base_url="")


@pytest.mark.parametrize(
    ("kind", "source"),
    [("bounce", "bounce"), ("invalid", "bounce"), ("complaint", "complaint"), ("unsubscribe", "provider")],
)
def test_what_a_provider_lists_is_suppressed_here(
    kestrel: Agency, connection: Connection, kind: str, source: str
) -> None:
    entry = ProviderSuppression(address="Ana@Prospect.example", kind=kind, reason="550 unknown")
    with kestrel.scope():
        for _ in range(2):
            publish(ProviderSuppressed(connection=connection, suppression=entry))
        found = Suppression.objects.get()
        assert (found.value, found.source, found.client_id) == ("ana@prospect.example", source, None)


def test_blocks_and_garbage_are_not_stored(kestrel: Agency, connection: Connection) -> None:
    with kestrel.scope():
        for address, kind in (("ana@prospect.example", "block"), ("no address", "bounce")):
            entry = ProviderSuppression(address=address, kind=kind)
            assert not provider_lists.learn(ProviderSuppressed(connection=connection, suppression=entry))
        assert not Suppression.objects.exists()


@pytest.mark.parametrize(("everywhere", "told"), [(False, 0), (True, 1)])
def test_a_wish_goes_to_lists_that_it_holds_for(
    kestrel: Agency, connection: Connection, monkeypatch: pytest.MonkeyPatch, everywhere: bool, told: int
) -> None:
    found: list[int] = []
    real = suppressions.tell
    monkeypatch.setattr(
        suppressions,
        "tell",
        lambda *, client_id, address: found.append(real(client_id=client_id, address=address)),
    )
    with kestrel.scope():
        for number, client in enumerate((kestrel.first, kestrel.second)):
            SenderAccount.objects.create(
                client=client,
                connection=connection,
                channel="email",
                name="S",
                provider_account_id=str(number),
            )
        wish = Unsubscribe(
            client=kestrel.first, channel="email", value="ana@prospect.example", everywhere=everywhere
        )
        provider_lists.tell(AddressUnsubscribed(unsubscribe=wish, leads=[]))
    assert found == [told]
