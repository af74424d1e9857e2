"""The texts of a simulation: rendered as for real, the worst of them kept to be looked at."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

from campaigns.plans.content import FIELDS, REQUIRED
from campaigns.plans.schema import SendNode
from campaigns.plans.variants import choose
from campaigns.rendering import TemplateError, TooLong, UnfilledVariable, check_length, render, text_length

KEPT = 20
GRAVITY = {"unfilled": 4, "template": 3, "length": 2, "empty": 1}
"""How bad a text is, by the code of its problem; of equal ones the longest comes first."""


@dataclass(frozen=True, slots=True)
class WorstText:
    """One rendered text that deserves a look. ``code`` is empty when it may leave and is only long."""

    prospect: str
    name: str
    node: str
    variant: str
    code: str
    problem: str
    text: str
    length: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a text may leave: ``code`` is empty if so, else stable, with a plain ``problem``."""

    variant: str
    code: str = ""
    problem: str = ""


class Texts:
    """Renders each text once, counts problems by step and keeps the worst."""

    def __init__(self, winners: Mapping[str, str] | None = None) -> None:
        self.winners = winners or {}
        self._known: dict[tuple[str, str, int, str], Verdict] = {}
        self._worst: list[tuple[int, int, int, WorstText]] = []
        self.problems: dict[tuple[str, str], int] = {}

    def known(self, prospect: str, node: str, visit: int, sender: str) -> Verdict | None:
        """The answer that ``judge`` has given already."""
        return self._known.get((prospect, node, visit, sender))

    def judge(
        self,
        node: SendNode,
        visit: int,
        *,
        prospect: str,
        name: str,
        seed: str,
        sender: str,
        context: Mapping[str, object],
        premium: bool,
    ) -> Verdict:
        """Render the texts of ``node`` for one person; the answer is remembered."""
        verdict = self._judge(node, visit, prospect, name, seed, context, premium)
        self._known[prospect, node.id, visit, sender] = verdict
        return verdict

    def worst(self) -> tuple[WorstText, ...]:
        """The worst texts, gravest first."""
        return tuple(entry[3] for entry in sorted(self._worst, reverse=True))

    def _judge(
        self,
        node: SendNode,
        visit: int,
        prospect: str,
        name: str,
        seed: str,
        context: Mapping[str, object],
        premium: bool,
    ) -> Verdict:
        draw = f"{prospect}:{node.id}:{visit}"
        variant, content = choose(node, f"{seed}:{node.id}", winner=self.winners.get(node.id, ""))
        code, problem, texts = _render(
            node, {field: getattr(content, field) for field in FIELDS[node.action]}, context, draw, premium
        )
        if code:
            self.problems[node.id, code] = self.problems.get((node.id, code), 0) + 1
        if texts or code:
            length = sum(text_length(text) for text in texts)
            self._keep(WorstText(prospect, name, node.id, variant, code, problem, "\n\n".join(texts), length))
        return Verdict(variant, code, problem)

    def _keep(self, one: WorstText) -> None:
        entry = (GRAVITY.get(one.code, 0), one.length, -len(self._known), one)
        if len(self._worst) < KEPT:
            heapq.heappush(self._worst, entry)
        elif entry[:3] > self._worst[0][:3]:
            heapq.heapreplace(self._worst, entry)


def _render(
    node: SendNode, templates: Mapping[str, str], context: Mapping[str, object], seed: str, premium: bool
) -> tuple[str, str, list[str]]:
    """(code, problem, texts) of one send; every field is shown even where one of them is wrong."""
    code = problem = ""
    texts: list[str] = []
    for field, template in templates.items():
        try:
            text = render(template, context, seed=seed).text
            texts.append(text)
            check_length(text, node.action, field, premium=premium)
        except UnfilledVariable as error:
            code, problem = code or "unfilled", problem or f"{error}."
            texts.append(render(template, context, seed=seed, strict=False).text)
        except TooLong as error:
            code, problem = code or "length", problem or str(error)
        except TemplateError as error:
            code, problem = code or "template", problem or str(error)
        else:
            if not text and field in REQUIRED[node.action]:
                code, problem = code or "empty", problem or f"The {field} is empty."
    return code, problem, [text for text in texts if text]
