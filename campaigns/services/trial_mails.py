"""Test sends: every text of a draft by mail to whoever edits it, as one lead would get it. Nothing reaches a lead."""

from __future__ import annotations

from typing import Final

from django.db import transaction

from campaigns.models import Campaign
from campaigns.plans.naming import name_of
from campaigns.plans.outline import outline
from campaigns.plans.schema import Content, Plan, SendNode
from campaigns.services import editing, previews
from integrations.services import system_mail
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User

FOOTER: Final = (
    "--\nA test, sent to you only, from the installation's own address: no sender's limit is used."
)


@transaction.atomic
def send(*, campaign: Campaign, actor: User, node_id: str = "", lead: str = "") -> int:
    """Mail the texts of a step (without ``node_id`` of all steps) to ``actor``; return how many.

    ``lead`` narrows to leads of that name; else it is the lead that has least. Raises ``Invalid`` where there is
    nothing to send.
    """
    plan = editing.plan_of_draft(campaign)
    rows = [row for row in outline(plan) if row.kind == "node" and row.number]
    wanted = [(row.number, plan.index[row.node_id]) for row in rows if node_id in ("", row.node_id)]
    parts: list[str] = []
    for number, node in wanted:
        if isinstance(node, SendNode):
            parts += _texts(campaign, plan, node, f"{number} {name_of(node)}", lead)
    if not parts:
        raise Invalid("There is no text to send yet, or nobody in the audience to write it for.")
    what = f"{len(parts)} text{'' if len(parts) == 1 else 's'}"
    system_mail.send(
        to=actor.email,
        subject=f"Test of {campaign.name}: {what}",
        text="\n\n".join([*parts, FOOTER]),
        kind="test_send",
    )
    audit.record(actor=actor, action="campaign.test_sent", subject=campaign, texts=len(parts))
    return len(parts)


def _texts(campaign: Campaign, plan: Plan, node: SendNode, title: str, lead: str) -> list[str]:
    """Each wording of a step as one lead would read it."""
    contents = {one.id: one.content for one in node.variants} or {"": node.content or Content()}
    found = []
    for variant, content in contents.items():
        look = previews.of_step(campaign, node, content, search=lead, plan=plan)
        if not look.previews or not look.previews[0].text:
            continue
        one = look.previews[0]
        heading = f"== {title}{f', variant {variant}' if variant else ''}, for {one.lead}"
        if one.missing:
            heading += f" (would not be sent: no {', '.join(one.missing)})"
        found.append(
            "\n".join([heading, *([f"Subject: {one.subject}"] if one.subject else []), "", one.text])
        )
    return found
