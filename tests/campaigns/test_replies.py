"""What replies mean: opt-outs, notes of absence and people, in ten languages, and what is not to be mistaken."""

# ruff: noqa: E501, RUF001 (lists of sentences as people write them)

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import replies

TODAY = date(2026, 11, 18)

OPT_OUTS = [
    "Unsubscribe", "unsubscribe please", "STOP", "Please stop.", "Remove me", "Please remove me from your list.",
    "Take me off this list", "Could you please take me off your list?", "Stop emailing me", "stop sending me this",
    "Do not contact me again.", "Don’t email me anymore", "I'd like to unsubscribe", "Leave me alone!",
    "Not interested. No more emails please", "I do not want to receive any more messages from you",
    "Please opt me out", "Lose my number", "I don't want to hear from you",
    "Bitte löschen Sie mich aus Ihrem Verteiler", "Bitte loeschen Sie meine E-Mail-Adresse", "Abmelden",
    "Ich möchte keine weiteren E-Mails erhalten.", "Bitte keine Werbung", "Bitte keine E-Mails mehr.",
    "Kontaktieren Sie mich nicht mehr", "Nehmen Sie mich bitte von Ihrer Liste", "Lassen Sie mich in Ruhe.",
    "Melden Sie mich bitte vom Newsletter ab", "Schreiben Sie mir bitte nicht mehr.",
    "Merci de me retirer de votre liste", "Ne me contactez plus", "Désinscription", "Je ne souhaite plus recevoir vos mails",
    "Arrêtez de m'écrire", "Merci de ne plus me contacter.", "Désabonnez-moi",
    "Baja", "Por favor, elimínenme de la lista", "No me escriban más", "Quiero darme de baja", "Dejen de enviarme correos",
    "No quiero recibir más correos",
    "Cancellatemi dalla lista", "Non mi contattate più", "Non desidero ricevere altre email", "Smettete di scrivermi",
    "Rimuovetemi, grazie", "Verwijder mij uit jullie lijst", "Afmelden", "Ik wil geen e-mails meer ontvangen",
    "Stop met mailen", "Neem geen contact meer met mij op", "Schrijf me uit aub",
    "Remova-me da lista", "Não me contacte mais", "Não quero mais receber e-mails", "Por favor me remova da lista",
    "Parem de me enviar mensagens", "Proszę o usunięcie mnie z listy", "Proszę więcej do mnie nie pisać",
    "Nie życzę sobie otrzymywać takich wiadomości", "Proszę mnie wypisać z listy, proszę wypisać mnie",
    "Ta bort mig från listan", "Kontakta mig inte igen", "Sluta mejla mig", "Inga fler mejl, tack", "Avregistrera",
    "Fjern mig fra listen", "Skriv ikke til mig igen", "Jeg ønsker ikke at modtage flere mails", "Afmeld",
    "Stop med at kontakte mig", "Fjern meg fra listen", "Kontakt meg ikke igjen",
]  # fmt: skip

HUMAN = [
    "Please don't stop by the office before calling.", "Stop by any time!", "I can't stop thinking about your offer",
    "We want to reduce our unsubscribe rate, can you help?", "What happens when people unsubscribe?",
    "Please don't remove me from the list, I am interested", "Don't contact me before Tuesday, I am at a fair.",
    "Please do not email me until next week", "Our process has an opt-out step; does your tool support it?",
    "We stopped sending letters in 2020.", "Can you remove the second line of the quote?", "Take me through the numbers.",
    "We are not interested at this time.", "No thanks", "Sounds good, let's talk on Friday.",
    "The bus stop is next to us", "Non-stop support is what we need", "Melden Sie sich gerne nächste Woche.",
    "Nehmen Sie mich gerne mit in die Runde", "Melden Sie mich bitte an", "Ich habe keine Nachrichten erhalten.",
    "Bitte tragen Sie mich ein", "Ne quittez pas, je regarde", "Mándeme más información",
    "Ta gärna kontakt igen", "Kan ni ta bort rad två i offerten?", "Ik heb geen mails meer ontvangen van jullie",
    "I'm on vacation next week, but interested. Can we speak after?", "I am out of office Friday, let's do Monday.",
    "Best, Ann\n-- \nTo unsubscribe from our newsletter click here", "We unsubscribe dead addresses automatically.",
    "To unsubscribe, click here: https://example.com/u", "Do not hesitate to call me.", "",
]  # fmt: skip

AWAY = {
    "en": "I am out of the office until 24 November with limited access to email.",
    "de": "Vielen Dank für Ihre Nachricht. Ich bin bis zum 24.11.2026 nicht im Büro.",
    "fr": "Bonjour, je suis absent du bureau jusqu'au 24 novembre.",
    "es": "Estoy de vacaciones hasta el 24 de noviembre.",
    "it": "Sono in ferie fino al 24 novembre.",
    "nl": "Ik ben met vakantie en op 24 november weer terug.",
    "pt": "Estou de férias até 24 de novembro.",
    "pl": "Jestem na urlopie do 24 listopada.",
    "sv": "Jag är på semester till och med 24 november.",
    "da": "Jeg er på ferie til den 24. november.",
    "nb": "Jeg er på ferie til 24. november.",
    "iso": "Automatic reply: away until 2026-11-24.",
    "us": "Out of office through 11/24/2026.",
    "range": "I am on annual leave from 20 to 24 November.",
    "weekday": "Out of the office, back on Tuesday.",
}


@pytest.mark.parametrize("text", OPT_OUTS)
def test_requests_to_stop_are_understood(text: str) -> None:
    assert replies.read(text, TODAY, channel="email").kind == "opt_out"


@pytest.mark.parametrize("text", HUMAN)
def test_people_who_answer_are_not_taken_for_opt_outs_or_notes(text: str) -> None:
    assert replies.read(text, TODAY, channel="email").kind == "human"


@pytest.mark.parametrize("language", AWAY)
def test_notes_of_absence_and_their_day_of_return(language: str) -> None:
    assert replies.read(AWAY[language], TODAY, channel="email") == replies.Reading(
        "out_of_office", date(2026, 11, 24)
    )


@pytest.mark.parametrize(
    "word", ["STOP", "stop", "Stop.", "StopAll", "QUIT", "end", "Cancel", "REVOKE", "opt out"]
)
def test_words_that_stop_texts(word: str) -> None:
    assert replies.read(word, TODAY, channel="sms").kind == "opt_out"


def test_a_word_that_stops_texts_is_a_word_of_other_channels() -> None:
    assert replies.read("Cancel", TODAY, channel="email").kind == "human"
    assert replies.read("START", TODAY, channel="sms").kind == "opt_in"
    assert replies.read("START", TODAY, channel="email").kind == "human"


def test_machines_ask_for_nothing() -> None:
    text = "Your ticket was received. Reply STOP or unsubscribe me to end notifications. Remove me: reply."
    assert replies.read(text, TODAY, is_automatic=True).kind == "automatic"
    assert replies.read(AWAY["en"], TODAY, is_automatic=True).kind == "out_of_office"
    assert (
        replies.read("Grüße", TODAY, subject="Abwesenheitsnotiz: Re: hello", is_automatic=True).kind
        == "out_of_office"
    )


def test_an_empty_mail_with_the_wish_in_its_subject() -> None:
    assert replies.read("", TODAY, subject="Unsubscribe").kind == "opt_out"
    assert replies.read("", TODAY, subject="Re: unsubscribe rates").kind == "human"


@given(
    st.text(max_size=400), st.dates(date(2000, 1, 1), date(2090, 1, 1)), st.sampled_from(["", "email", "sms"])
)
def test_any_text_can_be_read(text: str, day: date, channel: str) -> None:
    reading = replies.read(text, day, channel=channel)
    if reading.returns_on is not None:
        assert day <= reading.returns_on <= day + timedelta(days=300)


NEUTRAL = st.sampled_from(
    ["Hello.", "Hi Erik!", "We have a supplier already.", "Regards, Ann", "Not interested."]
)


@given(st.sampled_from(OPT_OUTS), st.lists(NEUTRAL, max_size=3), st.lists(NEUTRAL, max_size=3))
def test_a_wish_is_found_among_other_sentences(wish: str, before: list[str], after: list[str]) -> None:
    assert replies.read("\n".join([*before, wish, *after]), TODAY).kind == "opt_out"


@given(
    st.integers(0, 290),
    st.sampled_from(["{:%d %B %Y}", "{:%B %d, %Y}", "{:%Y-%m-%d}", "{:%d.%m.%Y}", "{:%d %b}"]),
)
def test_the_day_of_return_is_found_however_it_is_written(ahead: int, form: str) -> None:
    back = TODAY + timedelta(days=ahead)
    assert replies.return_date(f"I am away, back on {form.format(back)}.", TODAY) == back
