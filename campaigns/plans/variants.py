"""Which wording of a step a lead gets: drawn by weight, the same one every time for one seed. Pure."""

from __future__ import annotations

import string
from collections.abc import Iterable

from campaigns.plans.schema import Content, SendNode
from campaigns.scheduling import fraction


def choose(node: SendNode, seed: str, *, winner: str = "") -> tuple[str, Content]:
    """(variant id, content) for ``seed`` (``<enrollment>:<node>``); the id is empty without variants.

    ``winner`` is the wording that everybody gets by now; one that the step has no more is passed over.
    """
    if not node.variants:
        return "", node.content or Content()
    for variant in node.variants:
        if variant.id == winner:
            return variant.id, variant.content
    point = fraction(f"variant:{seed}") * sum(variant.weight for variant in node.variants)
    for variant in node.variants:
        point -= variant.weight
        if point < 0:
            return variant.id, variant.content
    last = node.variants[-1]
    return last.id, last.content


def next_id(taken: Iterable[str]) -> str:
    """The name of one more wording: the first letter that none has."""
    used = set(taken)
    return next((name for name in string.ascii_uppercase if name not in used), f"V{len(used) + 1}")
