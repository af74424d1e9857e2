"""Intents: the same meaning in ten languages, refusals before politeness, and doubt where there is doubt."""

# ruff: noqa: E501 (what people say is data)
from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.replies.intents import NO_REPLY, Intent, judge

TODAY = date(2026, 11, 21)

SAID = {
    Intent.INTERESTED: [
        "Sounds interesting, tell me more.", "Yes please", "Happy to chat next Tuesday.", "Let's book a call",
        "How much does it cost?", "Klingt interessant, gerne mehr.", "Bitte schicken Sie mir Infos.",
        "Avec plaisir, envoyez-moi des créneaux.", "Me interesa, cuéntame más.", "Mi interessa, ci invii una proposta",
        "Klinkt goed, stuur me wat informatie.", "Tenho interesse, podemos conversar?", "Brzmi ciekawie, proszę o więcej",
        "Låter intressant, boka in ett möte!", "Lyder spændende, send mig mere.", "Høres bra ut, send meg mer.",
    ],
    Intent.NOT_INTERESTED: [
        "Not interested.", "No thanks!", "Sounds great, but not for us.", "We already use another vendor and are happy with our current setup",
        "Kein Interesse.", "Nein danke", "Pas intéressé, merci.", "No nos interesa, gracias.", "Non siamo interessati.",
        "Geen interesse.", "Não temos interesse.", "Nie jesteśmy zainteresowani.", "Inte intresserad.", "Nej tak", "Ikke interessert",
    ],
    Intent.NOT_NOW: [
        "Not right now, maybe next year.", "Please reach out again in January.", "Bad timing for us.", "We have no budget",
        "Derzeit leider nicht.", "Pas pour le moment.", "Por ahora no, más adelante.", "Al momento no.", "Op dit moment niet.",
        "No momento não.", "Na razie nie.", "Inte just nu.", "Ikke lige nu.", "Ikke nå.",
    ],
    Intent.WRONG_PERSON: [
        "I'm not the right person for this.", "I no longer work at Halden.", "Ich bin dafür nicht zuständig.", "Je ne suis pas la bonne personne.",
        "No soy la persona adecuada.", "Non sono la persona giusta.", "Ik ben niet de juiste persoon.", "Não sou o responsável.",
        "Już tu nie pracuję.", "Fel person.", "Forkert person.",
    ],
    Intent.REFERRAL: [
        "I'm not the right person, please contact my colleague Ana.", "The best person is Tom Berg.", "I forwarded this to our CFO.",
        "Bitte wenden Sie sich an Frau Berg.", "Contactez mon collègue.", "La persona adecuada es Marta.", "De juiste persoon is Jan.",
    ],
    Intent.QUESTION: ["Do you support SAP?", "Is it GDPR compliant?", "Quelle est la différence ?"],
    Intent.UNSUBSCRIBE: ["Please remove me from your list.", "Unsubscribe"],
    Intent.OUT_OF_OFFICE: ["I am out of office until 2 December."],
    Intent.UNCLEAR: ["Hm.", "Marta", "", "👍"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("meant", "text"), [(meant, text) for meant, texts in SAID.items() for text in texts]
)
def test_what_people_say(meant: Intent, text: str) -> None:
    found = judge(text, TODAY)
    assert found.intent is meant, found


def test_machines_do_not_answer() -> None:
    assert judge("Your ticket 812 was created.", TODAY, is_automatic=True).intent is Intent.AUTOMATIC
    assert judge("STOP", TODAY, channel="sms").intent is Intent.UNSUBSCRIBE
    assert judge("Your ticket", TODAY, is_automatic=True).intent in NO_REPLY


def test_it_says_why_and_when() -> None:
    found = judge("I am out of the office and back on 2 December.", TODAY)
    assert found.returns_on == date(2026, 12, 2)
    assert judge("Honestly, not interested at all", TODAY).because == "not interested"


@given(st.text(max_size=300))
def test_any_text_gets_one_answer(text: str) -> None:
    first = judge(text, TODAY)
    assert first == judge(text, TODAY)
    assert first.intent in Intent
