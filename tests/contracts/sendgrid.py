"""What SendGrid has to do on top of every adapter's contract, whatever world it speaks to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.base import (
    ListsIpPools,
    SendsEmail,
    SettlesSends,
    SyncsSuppressions,
    ValidatesAddresses,
    VerifiesIdentities,
)
from integrations.errors import Disposition, ErrorKind, ProviderError
from integrations.values import OutgoingAttachment, OutgoingEmail, SendAction, SendIntent, SettlementOutcome
from tests.contracts.base import Outside, everything, require

SEND_ID = "0199c1f0-0000-7000-8000-00000000a001"
MESSAGE_ID = "<0199c1f00000700080000000000a0001@mail.acme.example>"


def email(**changes: Any) -> OutgoingEmail:
    """An e-mail from the proven sender to somebody."""
    fields: dict[str, Any] = {
        "send_id": SEND_ID,
        "message_id": MESSAGE_ID,
        "from_email": "leo@mail.acme.example",
        "from_name": "Leo at Acme",
        "to_email": "ana@prospect.example",
        "to_name": "Ana Ruiz",
        "subject": "Question about your Q3 rollout",
        "text": "Hi Ana",
        "html": "<p>Hi Ana</p>",
        "headers": {"List-Unsubscribe": "<https://app.example/u/x>"},
        "tags": ("campaign-1",),
        "track_opens": True,
    }
    return OutgoingEmail(**fields | changes)


class SendGridContract:
    """Mixed into ``AdapterContract``; the sender ``leo@mail.acme.example`` is proven in every world."""

    def test_an_email_leaves_once_with_our_ids(self, outside: Outside) -> None:
        adapter = require(outside.adapter, SendsEmail)
        first = adapter.send_email(account_id=outside.account_id, email=email())
        assert first.message_id
        assert first.provider_message_id == first.chat_id == MESSAGE_ID
        answer = adapter.send_email(
            account_id=outside.account_id,
            email=email(
                message_id="<two@mail.acme.example>", references=(MESSAGE_ID,), in_reply_to=MESSAGE_ID
            ),
        )
        assert answer.chat_id == MESSAGE_ID
        assert answer.message_id != first.message_id

    def test_an_attachment_and_a_pool_are_taken(self, outside: Outside) -> None:
        pool = require(outside.adapter, ListsIpPools).list_ip_pools()[0]
        file = OutgoingAttachment(name="offer.pdf", mime_type="application/pdf", content=b"%PDF")
        made = email(attachments=(file,), ip_pool=pool, to_name="Ruiz, Ana; Dr.")
        assert (
            require(outside.adapter, SendsEmail)
            .send_email(account_id=outside.account_id, email=made)
            .message_id
        )

    @pytest.mark.parametrize(
        ("changes", "kind", "disposition"),
        [
            (
                {"from_email": "nobody@elsewhere.example"},
                ErrorKind.ACCOUNT_DISCONNECTED,
                Disposition.STOP_ACCOUNT,
            ),
            ({"to_email": "no address"}, ErrorKind.RECIPIENT, Disposition.SKIP_LEAD),
            ({"text": " ", "html": ""}, ErrorKind.VALIDATION, Disposition.REPORT),
            ({"headers": {"Subject": "x"}}, ErrorKind.VALIDATION, Disposition.REPORT),
            ({"ip_pool": "no-such-pool"}, ErrorKind.CONFIG, Disposition.FIX_CONNECTION),
        ],
        ids=["unproven sender", "recipient", "empty", "reserved header", "pool"],
    )
    def test_refusals(
        self, outside: Outside, changes: dict[str, Any], kind: ErrorKind, disposition: Disposition
    ) -> None:
        adapter = require(outside.adapter, SendsEmail)
        with pytest.raises(ProviderError) as caught:
            adapter.send_email(account_id=outside.account_id, email=email(**changes))
        assert (caught.value.kind, caught.value.disposition) == (kind, disposition)

    def test_a_sender_is_pending_until_its_owner_proves_it(self, outside: Outside) -> None:
        adapter = require(outside.adapter, VerifiesIdentities)
        postal = {"address": "1 High Street", "city": "Leeds", "zip": "LS1", "country": "United Kingdom"}
        fields: dict[str, Any] = {"name": "New", "reply_to": "", "postal": postal}
        made = adapter.create_identity(address="New@mail.acme.example", **fields)
        assert (made.status, made.address) == ("pending", "new@mail.acme.example")
        assert adapter.create_identity(address="new@mail.acme.example", **fields) == made
        adapter.resend_verification(made.identity_id)
        found = {
            item.address: item for item in everything(lambda cursor: adapter.list_identities(cursor=cursor))
        }
        assert found["new@mail.acme.example"].status == "pending"
        assert found["leo@mail.acme.example"].status == "verified"

    def test_suppressions_go_both_ways(self, outside: Outside) -> None:
        adapter = require(outside.adapter, SyncsSuppressions)
        before = datetime.now(UTC) - timedelta(minutes=1)
        adapter.suppress("gone@prospect.example")
        listed = everything(
            lambda cursor: adapter.list_suppressions(kind="unsubscribe", after=before, cursor=cursor)
        )
        assert "gone@prospect.example" in {item.address for item in listed}
        later = adapter.list_suppressions(kind="unsubscribe", after=before + timedelta(days=1))
        assert later.items == ()
        for kind in ("bounce", "block", "complaint", "invalid"):
            assert adapter.list_suppressions(kind=kind).cursor is None
        with pytest.raises(ProviderError):
            adapter.list_suppressions(kind="no such list")

    @pytest.mark.parametrize(
        ("address", "verdict", "reason"),
        [
            ("ana@prospect.example", "valid", ""),
            ("info@prospect.example", "risky", "role"),
            ("ana@gmial.com", "invalid", "no_mx"),
        ],
    )
    def test_addresses_are_judged(self, outside: Outside, address: str, verdict: str, reason: str) -> None:
        found = require(outside.adapter, ValidatesAddresses).validate_email(address)
        assert found.verdict == verdict
        assert reason in (*found.reasons, "")
        assert found.suggestion == ("ana@gmail.com" if address == "ana@gmial.com" else "")
        assert found.score is not None

    def test_an_uncertain_email_is_looked_up(self, outside: Outside) -> None:
        settled = self.settler(outside)
        require(outside.adapter, SendsEmail).send_email(account_id=outside.account_id, email=email())
        assert settled(SEND_ID, timedelta(seconds=50)) is SettlementOutcome.SENT
        other = "0199c1f0-0000-7000-8000-00000000ffff"
        assert settled(other, timedelta(minutes=5)) is SettlementOutcome.UNDECIDED
        assert settled(other, timedelta(hours=3)) is SettlementOutcome.NOT_SENT

    def settler(self, outside: Outside) -> Callable[[str, timedelta], SettlementOutcome]:
        adapter = require(outside.adapter, SettlesSends)

        def settled(send_id: str, after: timedelta) -> SettlementOutcome:
            at = datetime.now(UTC)
            intent = SendIntent(
                action=SendAction.EMAIL, account_id=outside.account_id, attempted_at=at, send_id=send_id
            )
            return adapter.settle(intent, now=at + after).outcome

        return settled
