"""Mail that machines write: never a reply of a person, whatever its language."""

from __future__ import annotations

import pytest

from tests.mail.mails import event, raw

SUBJECTS = {
    "en": "Automatic reply: Your warehouse",
    "en 2": "Out of Office: Your warehouse",
    "de": "Automatische Antwort: Your warehouse",
    "de 2": "Abwesenheitsnotiz: Your warehouse",
    "fr": "Réponse automatique : Your warehouse",
    "es": "Respuesta automática: Your warehouse",
    "it": "Risposta automatica: Your warehouse",
    "nl": "Automatisch antwoord: Your warehouse",
    "pl": "Automatyczna odpowiedź: Your warehouse",
    "sv": "Autosvar: Your warehouse",
    "pt": "Resposta automática: Your warehouse",
    "ja": "自動応答: Your warehouse",
    "encoded": "=?utf-8?q?R=C3=A9ponse_automatique=3A?= Your warehouse",
}


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_absence_notes_are_told_by_their_subject(subject: str) -> None:
    assert event(raw("I am away.", Subject=subject)).is_automatic


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-generated (rejected)"},
        {"Precedence": "bulk"},
        {"Precedence": "auto_reply"},
        {"X_Autoreply": "yes"},
        {"X_Autorespond": "Your warehouse"},
        {"Return_Path": "<>"},
    ],
)
def test_absence_notes_are_told_by_their_header(headers: dict[str, str]) -> None:
    note = event(raw("I am away.", **headers))
    assert note.is_automatic
    assert note.text == "I am away."


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Auto_Submitted": "no"},
        {"Precedence": "normal"},
        {"X_Autoreply": "no"},
        {"Return_Path": "<jo@globex.example>"},
        {"X_Auto_Response_Suppress": "All"},
        {"Subject": "Re: Automatic reply to your tender"},
    ],
)
def test_people_are_people(headers: dict[str, str]) -> None:
    assert not event(raw(**headers)).is_automatic
