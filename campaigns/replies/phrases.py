"""How people say that they are away, and that they want no more: patterns by language, for folded text. Pure.

Folded text (``fold``) is lower case, without accents, with plain apostrophes: "Löschen" is "loschen", and patterns
allow for "loeschen" too. A pattern that is not sure is left out: whoever is not understood is read by a person.
"""

# ruff: noqa: E501, RUF001 (patterns are data: a broken line hides what belongs together)
from __future__ import annotations

import re
import unicodedata

_LETTERS = str.maketrans(
    {"ß": "ss", "ø": "o", "æ": "ae", "ł": "l", "đ": "d", "œ": "oe", "’": "'", "‘": "'", "´": "'", "`": "'"}
)
_MAIL = r"(?:e-?mails?|mails?|messages?|texts?)"

OPT_OUT: dict[str, tuple[str, ...]] = {
    "en": (
        r"(?:remove|delete|unsubscribe) (?:me|us|my (?:e-?mail|address|name|number|contact|details|data|info))\b",
        r"take (?:me|us|my (?:e-?mail|address|name|number)) off\b",
        r"opt (?:me|us) out\b",
        r"stop (?:contacting|messaging|texting|spamming|bothering|harassing|e-?mailing|writing(?: to)?) (?:me|us)\b",
        r"stop sending (?:me|us|these|this|such|your|any|more)\b",
        r"(?:do not|don'?t|never) (?:ever )?(?:contact|message|e-?mail|text|write(?: to)?|bother|spam) (?:me|us)\b",
        r"leave (?:me|us) alone\b",
        rf"no (?:more|further) {_MAIL}\b",
        r"(?:want|wish|like|prefer|request|ask(?:ing)?) to (?:unsubscribe|opt out|be (?:removed|taken off|unsubscribed))\b",
        rf"(?:do not|don'?t|no longer) (?:want|wish) (?:to (?:receive|get) )?(?:any |more |further |your |these )*{_MAIL}\b",
        r"(?:do not|don'?t) (?:want|wish) to (?:hear from|be contacted)\b",
        r"(?:i|we) (?:am |are )?opt(?:ing)? out\b",
        r"(?:lose|forget) my (?:number|e-?mail|address)\b",
        r"cease (?:and desist|all (?:contact|communication))\b",
        r"object to (?:the processing|direct marketing|being contacted)\b",
    ),
    "de": (
        r"(?:streichen|lo(?:e)?schen|entfernen) sie (?:bitte )?(?:mich|uns|meine \S*(?:mail|adresse|daten|nummer))",
        r"(?:streich|losch|loesch|entfern)e? (?:bitte )?(?:mich|uns)\b",
        r"nehmen sie (?:bitte )?(?:mich|uns)\b.{0,30}\b(?:aus|von|raus|runter|heraus)\b",
        r"nimm (?:bitte )?(?:mich|uns)\b.{0,30}\b(?:aus|von|raus|runter)\b",
        r"(?:melden|tragen) sie (?:bitte )?(?:mich|uns)\b.{0,40}\b(?:ab|aus)\b",
        (
            r"(?:mo(?:e)?chte|will|wu(?:e)?nschen?|mo(?:e)?chten|wollen)\b.{0,25}\bkeine\w*\b.{0,30}\b"
            r"(?:\S*mails?|nachrichten|werbung|informationen|kontakt\w*|anrufe|sms)\b"
        ),
        (
            r"^\W*(?:bitte )?keine (?:weiteren? )?(?:e-?mails?|mails?|nachrichten|werbung|sms)(?: mehr)?"
            r"(?: (?:bitte|danke|an mich|schicken|senden|mehr))*\W*$"
        ),
        r"schreib(?:en sie)? (?:mir|uns) (?:bitte )?(?:nicht|nie) (?:mehr|wieder)\b",
        r"kontaktieren? (?:sie )?(?:mich|uns) (?:bitte )?(?:nicht|nie) ?(?:mehr|wieder)?\b",
        r"lass(?:en sie|t)? (?:mich|uns) in ruhe\b",
        r"ich widerspreche (?:der|jeder|einer|hiermit)\b",
    ),
    "fr": (
        r"(?:retirez|supprimez|enlevez|effacez|desinscrivez|desabonnez|rayez)[- ](?:moi|nous|mon |mes )",
        r"ne (?:me|m'|nous) ?(?:contactez|ecrivez|envoyez|sollicitez|relancez|derangez) (?:plus|pas)\b",
        r"(?:souhaite|veux|desire|souhaitons|voulons)s? (?:plus|pas) (?:plus )?(?:recevoir|etre (?:contacte|sollicite))",
        r"(?:cessez|arretez) (?:de |d')(?:me |m'|nous )",
        r"(?:de|d') ?(?:me|nous) (?:retirer|desinscrire|desabonner|supprimer)\b",
        r"ne plus (?:me |m'|nous )(?:contacter|ecrire|envoyer|solliciter|relancer|deranger)\b",
        r"laissez[- ](?:moi|nous) tranquilles?\b",
    ),
    "es": (
        r"(?:elimin[ea]n?|borr[ea]n?|quit[ea]n?)(?:me|nos)\b",
        r"\b(?:de|den|da|dad)(?:me|nos) de baja\b",
        r"\bdar(?:me|nos) de baja\b",
        r"no (?:me|nos) (?:contacte[ns]?|escriba[ns]?|envie[ns]?|moleste[ns]?) ?(?:mas|nunca)?\b",
        (
            r"no (?:quiero|deseo|queremos|deseamos) (?:recibir )?(?:mas |sus |estos |tus )*"
            r"(?:correos?|mensajes?|e-?mails?|publicidad|comunicaciones)\b"
        ),
        r"(?:dejen?|dejad?) de (?:escribir|enviar|contactar|mandar|molestar)(?:me|nos)\b",
        r"no mas (?:correos|mensajes|e-?mails)\b",
    ),
    "it": (
        (
            r"(?:rimuov[aei]te|rimuov[ei]r?|cancell[ai]te|cancella|cancellar|togliete|togli|eliminate|elimina|"
            r"eliminar|disiscriv\w*)(?:mi|ci)\b"
        ),
        r"(?:mi|ci) (?:rimuova|cancelli|tolga|elimini|disiscriva)\b",
        r"non (?:mi|ci) (?:contatt|scriv|invi|mand|disturb)\w+ piu\b",
        r"non (?:contattate|scrivete|inviate|mandate)(?:mi|ci) ?(?:piu)?\b",
        r"non (?:voglio|desidero|vogliamo|desideriamo) (?:piu )?(?:ricevere|essere contattat)",
        r"(?:smettete|smetta|smettetela|smettila) di (?:scriver|contattar|mandar|inviar|disturbar)(?:mi|ci)\b",
        r"lasciatemi in pace\b",
    ),
    "nl": (
        r"verwijder (?:mij|me|ons|mijn)\b",
        r"haal (?:mij|me|ons)\b.{0,40}\b(?:van|uit|af|eraf)\b",
        r"schrijf (?:mij|me|ons)\b.{0,20}\buit\b",
        r"meld (?:mij|me|ons)\b.{0,20}\baf\b",
        r"(?:wil|wens|wensen|willen)\b.{0,25}\bgeen\b.{0,25}\b(?:e-?mails?|mails?|berichten|reclame)\b",
        r"^\W*(?:graag |aub |alstublieft )?geen (?:e-?mails?|mails?|berichten) meer\b",
        r"stop met (?:mailen|e-?mailen|sturen|berichten)\b",
        r"neem (?:aub |alstublieft )?geen contact (?:meer )?(?:met (?:mij|me|ons) )?(?:meer )?op\b",
        r"mail (?:mij|me|ons) niet meer\b",
        r"laat (?:mij|me|ons) met rust\b",
    ),
    "pt": (
        r"(?:remov[ae]m?|retir[ae]m?|exclu[ai]m?|elimin[ae]m?|tir[ae]m?)-(?:me|nos)\b",
        r"\bme (?:remov[ae]m?|retir[ae]m?|exclu[ai]m?|tir[ae]m?) (?:da|desta|dessa|de|do)\b",
        r"(?:quero|favor|me) (?:me )?descadastr\w+",
        r"nao (?:me|nos) (?:contact|contat|escrev|envi|mand|perturb|incomod)\w+",
        (
            r"nao (?:quero|desejo|queremos) (?:mais )?receber (?:mais |seus |estes |esses |nenhum )*"
            r"(?:e-?mails?|mensagens|mensagem|publicidade|contatos?)\b"
        ),
        r"(?:parem?|deixem?) de (?:me )?(?:enviar|escrever|contact|contat|mandar)",
        r"deixe-?me em paz\b",
    ),
    "pl": (
        (
            r"(?:usuniecie|usunac|usuncie|usun|wypisac|wypiszcie|wypisz|wykreslic|wykreslenie|wypisanie)"
            r" (?:mnie|nas|moj\w*)\b"
        ),
        r"prosze\b.{0,30}\bnie\b.{0,20}\b(?:pisac|kontaktowac|wysylac|przesylac)\b",
        r"nie (?:piszcie|pisz|kontaktujcie|kontaktuj|wysylajcie|wysylaj)\b.{0,15}\b(?:mnie|mi|mna|nas|nam)\b",
        r"nie (?:chce|zycze sobie)\b.{0,30}\b(?:otrzymywac|dostawac|kontaktu|wiadomosci|maili)\b",
        r"rezygnuje z (?:subskrypcji|newslettera|otrzymywania)\b",
    ),
    "sv": (
        r"(?:ta bort|avregistrera|stryk|plocka bort) (?:mig|oss|min (?:e-?post|mejl|mail|adress))",
        r"(?:sluta|upphor) (?:att )?(?:kontakta|mejla|maila|skriva till|skicka|messa) (?:mig|oss|mejl|mail|sms)?",
        r"(?:kontakta|mejla|maila|skriv till|messa) (?:mig|oss) (?:inte|ej|aldrig)\b",
        r"(?:kontakta|mejla|maila|skriv) (?:inte|ej|aldrig) (?:till )?(?:mig|oss)\b",
        r"ing(?:a|et) (?:fler|mer) (?:mejl|mail|meddelanden|utskick|sms)\b",
        (
            r"(?:vill|onskar) (?:inte|ej) (?:langre )?(?:ha|fa|bli) (?:fler |mer |nagra )?"
            r"(?:mejl|mail|meddelanden|utskick|kontaktade?)\b"
        ),
        r"lamna (?:mig|oss) i fred\b",
    ),
    "da": (
        r"(?:fjern|slet|afmeld) (?:mig|os|min (?:e-?mail|mail|adresse))\b",
        r"(?:stop|hold op) med at (?:kontakte|skrive|sende|maile)\b",
        r"(?:kontakt|skriv til|mail til|mail) (?:mig|os) (?:ikke|aldrig)\b",
        r"(?:kontakt|skriv) (?:ikke|aldrig) (?:til )?(?:mig|os)\b",
        r"(?:ikke|ingen) flere (?:mails?|beskeder|e-?mails?)\b",
        (
            r"(?:onsker|vil) ikke (?:at )?(?:laengere )?(?:modtage|fa|have|blive)\b.{0,25}\b"
            r"(?:mails?|beskeder|kontaktet|reklame)\b"
        ),
        r"lad (?:mig|os) vaere i fred\b",
    ),
    "nb": (
        r"(?:fjern|slett) (?:meg|oss|min (?:e-?post|adresse))\b",
        r"meld (?:meg|oss) av\b",
        r"(?:slutt|stopp) (?:med )?a (?:kontakte|sende|skrive)\b",
        r"(?:ikke|aldri) (?:kontakt|skriv til) (?:meg|oss)\b",
        r"(?:kontakt|skriv til) (?:meg|oss) (?:ikke|aldri)\b",
    ),
}
"""Requests not to be written to any more. Each names the person who asks, so that talk about lists is none."""

ALONE = (
    "unsubscribe", "unsubscribe me", "stop", "remove", "remove me", "opt out", "opt-out", "optout", "take me off",
    "no more emails", "abmelden", "abbestellen", "austragen", "desinscription", "desabonnement", "desinscrire",
    "se desabonner", "desabonner", "baja", "darse de baja", "cancelar suscripcion", "cancellami", "cancellazione",
    "disiscrivimi", "disiscrizione", "rimuovimi", "afmelden", "uitschrijven", "descadastrar", "sair", "remover",
    "cancelar inscricao", "wypisz", "rezygnuje", "usun", "avregistrera", "avanmal", "stopp", "afmeld", "afmelding",
    "meld meg av",
)  # fmt: skip
"""Opt-outs only where they are all that a sentence says, politeness aside."""

STOP_WORDS = frozenset(
    {
        "stop",
        "stopall",
        "stop all",
        "unsubscribe",
        "cancel",
        "end",
        "quit",
        "revoke",
        "optout",
        "opt out",
        "opt-out",
    }
)
"""SMS: binding as the whole message (docs/providers/twilio.md; 47 CFR 64.1200(a)(10))."""
START_WORDS = frozenset({"start", "unstop"})
"""SMS: takes a STOP back, as the whole message."""

AWAY: dict[str, tuple[str, ...]] = {
    "en": (
        r"out of (?:the |my )?office", r"auto(?:matic|mated)?[- ]?(?:reply|response)", r"autoresponder",
        r"on (?:annual|parental|maternity|paternity|sick|medical|family|study) leave", r"(?:currently|now) on leave",
        r"on vacation", r"on (?:holiday|holidays|pto)\b", r"away (?:until|till|from (?:my desk|the office|\d))",
        r"(?:limited|no) access to (?:my )?e-?mail", r"currently (?:away|travell?ing|out)\b",
    ),
    "de": (
        r"abwesenheitsnotiz", r"abwesenheitsmeldung", r"automatische (?:antwort|ruckmeldung|abwesenheit\w*)",
        r"nicht im (?:bu(?:e)?ro|hause?)\b", (r"(?:bin|befinde mich)\b.{0,40}\b(?:im urlaub|abwesend|in elternzeit|"
        r"auf dienstreise|ausser haus)"), r"(?:derzeit|momentan|zurzeit|aktuell) (?:nicht erreichbar|abwesend|ausser haus)",
    ),
    "fr": (
        r"absente? (?:du bureau|jusqu|du \d|pour|actuellement)", r"actuellement absente?\b", r"reponse automatique",
        r"message d'absence", r"(?:suis|serai) en (?:conges?|vacances|deplacement)", r"absence du bureau",
    ),
    "es": (
        r"fuera de (?:la |mi )?oficina", r"respuesta automatica", (r"(?:estoy|estare|me encuentro) (?:de vacaciones|ausente|"
        r"fuera|de baja)"), r"ausente (?:hasta|del)", r"acceso limitado (?:a|al) (?:mi )?(?:correo|e-?mail)",
    ),
    "it": (
        r"fuori (?:sede|ufficio)", r"risposta automatica", r"(?:sono|saro) (?:in ferie|assente|fuori|in vacanza)",
        r"assente (?:dal|fino|per)",
    ),
    "nl": (
        r"afwezigheids\w*", r"automatisch(?:e)? (?:antwoord|beantwoording|reactie)", r"niet (?:op|in) kantoor",
        r"(?:ben|wegens|ivm) .{0,20}(?:vakantie|verlof|afwezig)", r"afwezig (?:tot|van|t/m)",
    ),
    "pt": (
        r"fora do escritorio", r"resposta automatica", r"(?:estou|estarei|encontro-me) (?:de ferias|em ferias|ausente|fora)",
        r"ausente (?:ate|do escritorio)",
    ),
    "pl": (
        r"poza biurem", r"automatyczna odpowiedz", r"autoodpowiedz", (r"(?:jestem|bede|przebywam) (?:na urlopie|"
        r"nieobecn\w+|na zwolnieniu)"), r"nieobecnosc w (?:biurze|pracy)",
    ),
    "sv": (
        r"franvaro", r"autosvar", r"automatiskt? svar", r"inte pa kontoret", r"(?:har|pa) semester (?:till|fran|och|fram)",
        r"ar pa semester", r"(?:foraldra|tjanst)ledig", r"ar (?:ledig|bortrest) (?:till|fran|och)",
    ),
    "da": (
        r"autosvar", r"automatisk svar", r"ikke pa kontoret", r"(?:er|holder) (?:pa )?ferie", r"fravaerende",
        r"pa barsel", r"ikke til stede",
    ),
    "nb": (r"fravaersmelding", r"automatisk svar", r"ikke pa kontoret", r"er pa ferie", r"foreldrepermisjon"),
}  # fmt: skip
"""What automatic notes of absence say."""

NEGATION = re.compile(
    r"(?:\bdo not|\bdon'?t|\bdid not|\bdidn'?t|\bwon'?t|\bwill not|\bnever|\bnot|\bno need to|\bplease keep|\bnicht|\bpas"
    r"|\bno te|\binte|\bikke|\bwould not|\bwouldn'?t|\bcan'?t|\bcannot)\s+(?:\w+\s+)?$"
)
"""Right before a request it turns it around: "please don't remove me"."""
LATER = re.compile(
    r"\b(?:before|until|till|unless|this week|this month|next (?:week|month|year)|on (?:mon|tues|wednes|thurs|fri)day"
    r"|tomorrow|today|while|vor dem|bis (?:zum|ende|nachste)|avant|jusqu|hasta|antes de|prima|fino a|voor|tot|antes|ate"
    r"|przed|fore|innan|for den|inden)\b"
)
"""Makes "do not contact me" a matter of time."""
MACHINE = re.compile(
    r"\bclick\b|https?://|www\.|\bklicken\b|\bcliquez\b|\bhaga clic\b|\bclicca\b|\bklik\b|\bklicka\b"
)
"""A sentence of a footer ("to unsubscribe, click here"), not of a person."""
ENGAGED = re.compile(
    r"\?|\b(?:let'?s|interested|sounds good|happy to|love to|call me|speak then|reach (?:back )?out (?:again )?(?:then|after)"
    r"|get back to me|schreiben sie mir|melden sie sich (?:danach|dann)|interessiert|interesse|interesado|interessato"
    r"|intresserad|interesseret|zainteresowan\w*)\b"
)
"""Words of somebody who answers, away or not."""


def fold(text: str) -> str:
    """Return ``text`` as patterns see it: lower case, no accents, plain apostrophes, single blanks in a line."""
    lowered = text.lower().translate(_LETTERS)
    plain = "".join(
        char for char in unicodedata.normalize("NFKD", lowered) if not unicodedata.combining(char)
    )
    return re.sub(r"[ \t\xa0]+", " ", plain)


OPT_OUT_PATTERN = re.compile(
    "|".join(pattern for patterns in OPT_OUT.values() for pattern in patterns), re.MULTILINE
)
AWAY_PATTERN = re.compile(r"\b(?:" + "|".join(part for parts in AWAY.values() for part in parts) + ")")
_POLITE = (
    r"(?:please|pls|kindly|hi|hello|thanks|thank you|now|immediately|from (?:this|your|the) (?:list|mailing list)|bitte|danke"
    r"|merci|svp|por favor|gracias|per favore|grazie|aub|graag|obrigad[oa]|prosze|dziekuje|tack|snalla|tak|venligst)"
)
ALONE_PATTERN = re.compile(
    rf"^\W*(?:{_POLITE}\W+)*(?:{'|'.join(re.escape(word) for word in sorted(ALONE, key=len, reverse=True))})"
    rf"(?:\W+{_POLITE})*\W*$"
)
