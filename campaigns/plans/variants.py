"""Which wording of a step a lead gets: drawn by weight, the same one every time for one seed. Pure."""

from __future__ import annotations

from campaigns.plans.schema import Content, SendNode
from campaigns.scheduling import fraction


def choose(node: SendNode, seed: str) -> tuple[str, Content]:
    """(variant id, content) for ``seed`` (``<enrollment>:<node>:<visit>``); the id is empty without variants."""
    if not node.variants:
        return "", node.content or Content()
    point = fraction(f"variant:{seed}") * sum(variant.weight for variant in node.variants)
    for variant in node.variants:
        point -= variant.weight
        if point < 0:
            return variant.id, variant.content
    last = node.variants[-1]
    return last.id, last.content
