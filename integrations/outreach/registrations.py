"""What is wrong with the webhooks that are registered at a campaign provider (mission W5)."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from integrations.base import CAMPAIGN_SOURCE
from integrations.values import WebhookFinding, WebhookProblem, WebhookRegistration

_WORDS = {
    WebhookProblem.DUPLICATE: "is registered more than once",
    WebhookProblem.WRONG_URL: "calls an address without our current token",
    WebhookProblem.DISABLED: "is turned off",
    WebhookProblem.WRONG_EVENTS: "lacks events",
    WebhookProblem.LIMITED_TO_ACCOUNTS: "covers only some of the campaigns",
}


def check(
    registered: Sequence[WebhookRegistration], required: Sequence[WebhookRegistration]
) -> tuple[WebhookFinding, ...]:
    """Say what is wrong, source by source: exactly one right registration for each source is right, and none of ours
    for anything else. Those of single campaigns are looked at with their campaign.

    Ours are those whose path is ours, on whatever host: it holds the connection's unguessable key. Others' are left
    alone.
    """
    findings: list[WebhookFinding] = []
    for want in required:
        path = urlsplit(want.url).path
        ours = [
            found for found in registered if found.source == want.source and urlsplit(found.url).path == path
        ]
        findings += _of_source(want, ours)
    return (*findings, *_unneeded(registered, required))


def _unneeded(
    registered: Sequence[WebhookRegistration], required: Sequence[WebhookRegistration]
) -> list[WebhookFinding]:
    """Those of ours that nothing asks for: made by hand or by an earlier version, they tell what another one tells."""
    paths, sources = {urlsplit(want.url).path for want in required}, {want.source for want in required}
    return [
        WebhookFinding(
            problem=WebhookProblem.UNNEEDED,
            source=found.source,
            message=f"The webhook “{found.name or found.source}” ({found.source}) calls us and is not needed.",
            remove=(found.registration_id,),
        )
        for found in registered
        if found.source not in sources
        and not found.source.startswith(CAMPAIGN_SOURCE)
        and urlsplit(found.url).path in paths
    ]


def _of_source(want: WebhookRegistration, ours: list[WebhookRegistration]) -> list[WebhookFinding]:
    label = want.name or want.source
    if not ours:
        message = f"The webhook “{label}” is not registered."
        return [
            WebhookFinding(problem=WebhookProblem.MISSING, source=want.source, message=message, create=want)
        ]
    right = [found for found in ours if _problem(found, want) is None]
    keep = right[0] if right else None
    findings: list[WebhookFinding] = []
    for found in ours:
        if found is keep:
            continue
        problem = _problem(found, want) or WebhookProblem.DUPLICATE
        lacking = sorted(want.events - found.events) if problem is WebhookProblem.WRONG_EVENTS else []
        findings.append(
            WebhookFinding(
                problem=problem,
                source=want.source,
                message=f"The webhook “{label}” {_WORDS[problem]}{': ' if lacking else ''}{', '.join(lacking)}.",
                remove=(found.registration_id,),
                # One replacement is enough, whatever the number of wrong ones.
                create=want if keep is None and not findings else None,
            )
        )
    return findings


def _problem(found: WebhookRegistration, want: WebhookRegistration) -> WebhookProblem | None:
    checks = (
        (WebhookProblem.WRONG_URL, found.url != want.url),
        (WebhookProblem.DISABLED, not found.enabled),
        (WebhookProblem.WRONG_EVENTS, not want.events <= found.events),
        (WebhookProblem.LIMITED_TO_ACCOUNTS, bool(found.account_ids - want.account_ids)),
    )
    return next((problem for problem, wrong in checks if wrong), None)
