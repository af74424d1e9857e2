"""What prospects write, by intent: short, uneven and human, so that reply handling has something to chew on."""

from __future__ import annotations

from random import Random

INTENTS = (
    "interested",
    "question",
    "not_now",
    "not_interested",
    "referral",
    "out_of_office",
    "unsubscribe",
    "wrong_person",
)

#: ``{sender}`` the seat's first name, ``{first}``/``{company}``/``{role}`` the prospect's own, ``{colleague}``
#: and ``{mail}`` somebody else at the company, ``{phone}`` a number, ``{date}`` a day soon.
REPLIES: dict[str, tuple[str, ...]] = {
    "interested": (
        "Hi {sender}, good timing - we talked about exactly this on Monday. Do you have 20 minutes {date}?",
        "Sounds good, send details",
        "Sure, happy to have a look. What would the next step be?",
        "Interesting. Can you send me two or three references from companies our size?",
        "Yes please. Best reached on {phone} before 10, otherwise here.",
        "ok let's talk. {date} 14:00 works for me, my calendar is a mess otherwise",
        "Hallo {sender}, klingt spannend. Schicken Sie mir gern einen Terminvorschlag für nächste Woche.",
        "Bonjour {sender}, oui pourquoi pas. Vous pouvez m'appeler au {phone}.",
        "Hola {sender}, me interesa. ¿Tienes una demo corta que pueda ver antes?",
        "👍 go ahead, send me the deck",
    ),
    "question": (
        "What does it cost for a team of about 40?",
        "How is this different from what we already get from our current vendor?",
        "Does it work with HubSpot? That would be a must for us at {company}.",
        "Thanks for reaching out. Where is the data hosted?",
        "Is there a minimum contract length?\n\nAsking because we got burned last year.",
        "Who else in our industry uses this?",
        "Quick one: do you also cover DACH or only the Nordics?",
    ),
    "not_now": (
        "Not a priority this quarter, sorry. Feel free to check back after the summer.",
        "We just signed with someone for 12 months, so no. Maybe next year.",
        "Bad timing, we are in the middle of a reorg. Ping me in January?",
        "Thanks {sender}. Budget is frozen until the new fiscal year.",
        "Aktuell leider kein Bedarf, gern in Q3 noch einmal melden.",
    ),
    "not_interested": (
        "Thanks but no thanks.",
        "Not interested.",
        "Appreciate the message, but this is not something we need at {company}.",
        "no",
        "We do this in-house and plan to keep it that way. All the best.",
        "Merci mais cela ne nous intéresse pas.",
    ),
    "referral": (
        "I'm not the right one for this - talk to {colleague}, she runs that area: {mail}",
        "Please contact my colleague {colleague} ({mail}). I've moved to another team.",
        "That would be {colleague}'s call. You can mention my name.",
        "Forwarded to {colleague}, who looks after this at {company} now.",
    ),
    "out_of_office": (
        "Thank you for your message. I am out of office until {date}. In urgent cases: {colleague}, {mail}.",
        "Automatic reply: I'm on parental leave and back on {date}. I will not be reading messages.",
        "On holiday until {date} 🌴 - will get back to you after that.",
        "Ich bin bis zum {date} nicht im Büro. Ihre Nachricht wird nicht weitergeleitet.",
    ),
    "unsubscribe": (
        "Please remove me from your list.",
        "Stop messaging me.",
        "unsubscribe",
        "Third message from your company this month. Take me off whatever list this is.",
        "Bitte keine weiteren Nachrichten.",
    ),
    "wrong_person": (
        "I think you have the wrong person, I left {company} two years ago.",
        "You must mean another {first}. I'm a teacher :)",
        "Wrong contact - I have nothing to do with that topic.",
    ),
}

#: Second and later replies in a conversation that goes well.
FOLLOW_UPS = (
    "Great, {date} it is. Could you send an invite to {mail}?",
    "Perfect, thanks. I'll bring our {role} along.",
    "Got it. And the price is per seat, right?",
    "Works for me 👍",
    "Ok, let me check internally and come back to you.",
    "Booked. Talk soon!",
)


def reply_text(intent: str, rng: Random, words: dict[str, str], *, follow_up: bool = False) -> str:
    """One reply of ``intent``, with the placeholders filled from ``words``. Raises ``KeyError`` for others."""
    pool = FOLLOW_UPS if follow_up and intent in {"interested", "question"} else REPLIES[intent]
    return rng.choice(pool).format_map(words)
