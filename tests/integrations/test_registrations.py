"""What is registered at campaign providers: one of ours for each source, and none of ours for anything else."""

from __future__ import annotations

import pytest

from integrations.outreach import registrations, tokens
from integrations.providers.heyreach import webhooks
from integrations.values import WebhookRegistration

ADDRESS = tokens.with_token("https://app.test/webhooks/heyreach/key", "token-of-ours")
RIGHT = [
    want.model_copy(update={"registration_id": f"r{place}"})
    for place, want in enumerate(webhooks.required(ADDRESS))
]


def extra(url: str, source: str = "MESSAGE_REPLY_RECEIVED") -> WebhookRegistration:
    return WebhookRegistration(
        source=source, url=url, events=frozenset({source}), name="Replies", registration_id="x"
    )


def test_all_that_is_needed_and_no_more_is_right() -> None:
    assert registrations.check(RIGHT, webhooks.required(ADDRESS)) == ()


@pytest.mark.parametrize("url", [ADDRESS, "https://old.test/webhooks/heyreach/key"])
def test_one_of_ours_that_nothing_asks_for_is_named_and_removed(url: str) -> None:
    [finding] = registrations.check([*RIGHT, extra(url)], webhooks.required(ADDRESS))
    assert (finding.problem, finding.remove, finding.create) == ("unneeded", ("x",), None)
    assert finding.message == "The webhook “Replies” (MESSAGE_REPLY_RECEIVED) calls us and is not needed."


def test_those_of_others_and_of_single_campaigns_are_left_alone() -> None:
    for other in (extra("https://crm.test/hooks/heyreach"), extra(ADDRESS, source="campaign:41")):
        assert registrations.check([*RIGHT, other], webhooks.required(ADDRESS)) == ()
