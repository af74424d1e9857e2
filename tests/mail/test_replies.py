"""What of an answer is new, in the styles of mail programs and in their languages."""

from __future__ import annotations

import time

import pytest

from integrations.mail.replies import new_text
from tests.mail.mails import OWN, event, raw

NEW = "Sounds good, Tuesday works.\n\nJo"
QUOTED = "> Hi Jo,\n> do you have ten minutes?\n> Erik"

HEADS = {
    "gmail en": f"On Fri, Nov 20, 2026 at 10:00 AM Erik Sand <{OWN}> wrote:",
    "gmail en wrapped": f"On Fri, Nov 20, 2026 at 10:00 AM Erik Sand\n<{OWN}> wrote:",
    "apple en": f"On 20. Nov 2026, at 10:00, Erik Sand <{OWN}> wrote:",
    "thunderbird de": f"Am 20.11.26 um 10:00 schrieb Erik Sand <{OWN}>:",
    "gmail de": f"Am Fr., 20. Nov. 2026 um 10:00 Uhr schrieb Erik Sand <{OWN}>:",
    "gmail fr": f"Le ven. 20 nov. 2026 à 10:00, Erik Sand <{OWN}> a écrit :",
    "gmail es": f"El vie, 20 nov 2026 a las 10:00, Erik Sand ({OWN}) escribió:",
    "gmail it": f"Il giorno ven 20 nov 2026 alle ore 10:00 Erik Sand <{OWN}> ha scritto:",
    "gmail nl": f"Op vr 20 nov 2026 om 10:00 schreef Erik Sand <{OWN}>:",
    "gmail pl": f"pt., 20 lis 2026 o 10:00 Erik Sand <{OWN}> napisał(a):",
    "gmail sv": f"Den fre 20 nov. 2026 kl 10:00 skrev Erik Sand <{OWN}>:",
    "gmail da": f"Den fre. 20. nov. 2026 kl. 10.00 skrev Erik Sand <{OWN}>:",
    "gmail pt": f"Erik Sand <{OWN}> escreveu no dia sexta, 20/11/2026 à(s) 10:00:",
    "gmail ja": f"2026年11月20日(金) 10:00 Erik Sand <{OWN}>:",
    "gmail no": f"fre. 20. nov. 2026 kl. 10:00 skrev Erik Sand <{OWN}>:",
    "gmail fi": f"pe 20. marrask. 2026 klo 10.00 Erik Sand ({OWN}) kirjoitti:",
    "gmail cs": f"pá 20. 11. 2026 v 10:00 odesílatel Erik Sand <{OWN}> napsal:",
    "gmail ru": f"пт, 20 нояб. 2026 г. в 10:00, Erik Sand <{OWN}>:",  # noqa: RUF001
}

OUTLOOKS = {
    "en": f"________________________________\nFrom: Erik Sand <{OWN}>\nSent: Friday, November 20, 2026 10:00 AM\n"
    "To: Jo Weil <jo@globex.example>\nSubject: Your warehouse",
    "de": f"Von: Erik Sand <{OWN}>\nGesendet: Freitag, 20. November 2026 10:00\nAn: Jo Weil <jo@globex.example>\n"
    "Betreff: Your warehouse",
    "fr": f"De : Erik Sand <{OWN}>\nEnvoyé : vendredi 20 novembre 2026 10:00\nÀ : Jo Weil <jo@globex.example>\n"
    "Objet : Your warehouse",
    "es": f"De: Erik Sand <{OWN}>\nEnviado: viernes, 20 de noviembre de 2026 10:00\nPara: Jo <jo@globex.example>\n"
    "Asunto: Your warehouse",
    "fi": f"Lähettäjä: Erik Sand <{OWN}>\nLähetetty: perjantai 20. marraskuuta 2026 10:00\n"
    "Vastaanottaja: Jo Weil <jo@globex.example>\nAihe: Your warehouse",
    "classic": f"-----Original Message-----\nFrom: Erik Sand [mailto:{OWN}]\nSent: Friday\nTo: Jo\nSubject: x",
    "classic de": f"-----Ursprüngliche Nachricht-----\nVon: Erik Sand [mailto:{OWN}]\nGesendet: Freitag\nAn: Jo",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_what_stands_above_a_quote_is_new(head: str) -> None:
    assert new_text(f"{NEW}\n\n{head}\n\n{QUOTED}\n") == NEW


@pytest.mark.parametrize("head", OUTLOOKS.values(), ids=OUTLOOKS)
def test_outlook_does_not_mark_what_it_quotes(head: str) -> None:
    assert new_text(f"{NEW}\n\n{head}\n\nHi Jo,\ndo you have ten minutes?\n") == NEW


def test_what_stands_below_a_quote_is_new() -> None:
    head = HEADS["gmail en"]
    assert new_text(f"{head}\n{QUOTED}\n\n{NEW}\n") == NEW


def test_answers_between_the_lines_are_kept() -> None:
    text = f"{HEADS['gmail en']}\n> Do you have time?\n\nYes.\n\n> And budget?\n\nNo.\n"
    assert new_text(text) == "Yes.\n\nNo."


def test_signatures_by_the_standard_are_cut() -> None:
    assert new_text(f"{NEW}\n\n-- \nJo Weil\nGlobex GmbH") == NEW


@pytest.mark.parametrize(
    "text",
    [
        "Yes.",
        "From: Berlin\nTo: Madrid\n\nThat is the route.",
        "He wrote: no.\nI say: yes.",
        "On Tuesday we wrote the offer.",
        "Price: 40\nSeats: 3",
        "> only a quote",
    ],
)
def test_text_without_a_quote_stays_whole(text: str) -> None:
    assert new_text(text) == text


@pytest.mark.parametrize(
    "line",
    ["On " + "a " * 120, "Am " + "x " * 110 + "schrieb", "> " * 100 + "On a wrote", "Den " + "skrev " * 40, " " * 200,
     "2026年1月1日(月) 10:00" + "<" * 200, "From: a", "Le " + "a écrit " * 28],
)  # fmt: skip
def test_lines_that_almost_match_take_no_time(line: str) -> None:
    started = time.monotonic()
    new_text("\n".join([line] * 5000))
    assert time.monotonic() - started < 8


def html(body: str) -> bytes:
    return raw(f"<html><body>{body}</body></html>", Content_Type="text/html; charset=utf-8")


@pytest.mark.parametrize(
    "quote",
    [
        (
            f'<div class="gmail_quote"><div class="gmail_attr">On Fri Erik &lt;{OWN}&gt; wrote:</div>'
            "<blockquote>Hi Jo</blockquote></div>"
        ),
        '<div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>From:</b> Erik</div><div>Hi Jo</div>',
        '<div class="moz-cite-prefix">Am 20.11. schrieb Erik:</div><blockquote type="cite">Hi Jo</blockquote>',
        '<div class="yahoo_quoted">Hi Jo</div>',
        '<blockquote type="cite">Hi Jo</blockquote>',
    ],
)
def test_marked_quotes_of_html_are_cut(quote: str) -> None:
    answer = event(html(f"<p>Sounds <b>good</b>,<br>Tuesday works.</p>{quote}"))
    assert answer.text == "Sounds good,\nTuesday works."
    assert "Hi Jo" in answer.full_text
    assert "<b>good</b>" in answer.html


def test_html_becomes_text_without_scripts_and_styles() -> None:
    answer = event(
        html("<style>p{}</style><script>x()</script><ul><li>One</li><li>Two &amp; three</li></ul>")
    )
    assert answer.text == "- One\n- Two & three"
