"""What people say who are interested, are not, want to be asked later, or send one to somebody else, by language. Pure.

Patterns are for folded text (``phrases.fold``). A pattern that is not sure is left out: whoever is not understood is
``unclear`` and read by a person.
"""

# ruff: noqa: E501 (patterns are data: a broken line hides what belongs together)
from __future__ import annotations

import re
from typing import Final

NOT_INTERESTED: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        r"\bnot (?:really |currently )?(?:interested|for us|for me|a (?:good )?fit|relevant|needed)\b",
        r"\bno interest\b",
        r"\b(?:isn'?t|is not|wasn'?t) (?:a (?:good )?fit|for us|relevant|of interest|something we)\b",
        r"\bno,? thank(?:s| you)\b",
        r"\b(?:i'?ll|we'?ll|i will|we will) pass\b",
        r"\b(?:don'?t|do not) (?:need|require|have (?:any |a )?(?:need|use))\b",
        r"\b(?:already|currently) (?:have|use|work with|covered)\b.{0,60}\b(?:happy|satisfied|vendor|provider|solution|partner)\b",
        r"\bhappy with (?:our|what we|the) (?:current|have|existing)\b",
    ),
    "de": (
        r"\b(?:kein|keinen) (?:interesse|bedarf)\b",
        r"\bnicht (?:interessiert|relevant|interessant)\b",
        r"\bnein,? danke\b",
        r"\bpasst (?:fur uns |leider )?nicht\b",
        r"\bsind (?:bereits )?(?:gut )?versorgt\b",
    ),
    "fr": (
        r"\bpas (?:interesse\w*|interessant|besoin|concerne\w*)\b",
        r"\bnon,? merci\b",
        r"\bsans interet\b",
        r"\bne nous interesse pas\b",
    ),
    "es": (
        r"\bno (?:me|nos) interesa\b",
        r"\bno (?:estoy|estamos) interesad\w+\b",
        r"\bno,? gracias\b",
        r"\bno (?:lo )?necesit\w+\b",
    ),
    "it": (
        r"\bnon (?:sono|siamo) interessat\w\b",
        r"\bnon (?:mi|ci) interessa\b",
        r"\bno,? grazie\b",
        r"\bnon (?:abbiamo|ho) bisogno\b",
    ),
    "nl": (
        r"\b(?:geen|niet) (?:interesse|geinteresseerd|nodig|behoefte)\b",
        r"\bnee,? (?:bedankt|dank (?:je|u))\b",
    ),
    "pt": (
        r"\bnao (?:tenho|temos) interesse\b",
        r"\bsem interesse\b",
        r"\bnao,? obrigad\w\b",
        r"\bnao (?:estou|estamos) interessad\w+\b",
        r"\bnao precisamos\b",
    ),
    "pl": (
        r"\bnie (?:jestem|jestesmy) zainteresowan\w+\b",
        r"\bnie,? dziekuj\w+\b",
        r"\bnie potrzebuj\w+\b",
        r"\bbrak zainteresowania\b",
    ),
    "sv": (
        r"\b(?:inte|ej) (?:intresserad\w*|aktuellt|intressant)\b",
        r"\bnej,? tack\b",
        r"\bhar inget behov\b",
    ),
    "da": (
        r"\bikke (?:interesseret|interesserede|relevant|aktuelt)\b",
        r"\bnej,? tak\b",
        r"\bhar ikke (?:brug|behov)\b",
    ),
    "nb": (r"\bikke (?:interessert\w*|relevant|aktuelt)\b", r"\bnei,? takk\b", r"\bhar ikke behov\b"),
}

NOT_NOW: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        r"\bnot (?:right )?now\b",
        r"\bnot (?:at (?:this|the) (?:time|moment|stage)|at present|this (?:year|quarter|month)|yet)\b",
        r"\b(?:bad|wrong|not (?:a )?good|not the right) (?:time|timing|moment)\b",
        r"\b(?:reach out|get back|come back|check (?:back|in)|contact (?:me|us)|try (?:me|us)|circle back|touch base|follow up|ping me|talk|reconnect)\b.{0,40}\b(?:in (?:a few|\d+|two|three|six|january|february|march|april|may|june|july|august|september|october|november|december)|next (?:year|quarter|month|spring|summer|autumn|fall|week)|later|after|q[1-4])\b",
        r"\bmaybe (?:later|next|in the future)\b",
        r"\b(?:no|out of|without) budget\b",
        r"\bbudget (?:is|has been) (?:frozen|spent|fixed)\b",
        r"\bbusy (?:right now|at the moment|until)\b",
    ),
    "de": (
        r"\b(?:derzeit|momentan|zurzeit|aktuell|im moment|gerade) (?:leider )?(?:nicht|kein\w*)\b",
        r"\b(?:spater|nachstes (?:jahr|quartal)|nachsten monat)\b.{0,40}\b(?:melden|sprechen|kontakt\w*|nochmal|wieder)\b",
        r"\b(?:melden|kontaktieren) sie (?:sich|uns|mich)\b.{0,40}\b(?:spater|wieder|nachste\w*|in \d+|ab)\b",
        r"\bkein budget\b",
    ),
    "fr": (
        r"\bpas (?:pour le moment|maintenant|actuellement|en ce moment|tout de suite)\b",
        r"\b(?:recontactez|revenez|rappelez)[- ](?:moi|nous|vers)\b",
        r"\bplus tard\b",
        r"\bpas de budget\b",
    ),
    "es": (
        r"\b(?:por ahora|de momento|por el momento|ahora mismo|actualmente) no\b",
        r"\bmas adelante\b",
        r"\bno (?:es|en este) (?:buen )?momento\b",
        r"\bsin presupuesto\b",
        r"\bno (?:tengo|tenemos) presupuesto\b",
    ),
    "it": (
        r"\b(?:al momento|per ora|adesso) no(?:n)?\b",
        r"\bnon (?:in questo|e il) momento\b",
        r"\bpiu avanti\b",
        r"\b(?:nessun|senza) budget\b",
    ),
    "nl": (
        r"\b(?:op dit moment|momenteel|nu|voorlopig) (?:even )?niet\b",
        r"\bniet (?:nu|op dit moment)\b",
        r"\blater (?:dit|in het) jaar\b",
        r"\bgeen budget\b",
    ),
    "pt": (
        r"\b(?:no momento|por agora|agora|neste momento) nao\b",
        r"\bnao (?:no|neste|e o) momento\b",
        r"\bmais (?:tarde|para a frente|pra frente)\b",
        r"\bsem (?:orcamento|verba)\b",
    ),
    "pl": (
        r"\b(?:obecnie|na razie|teraz|w tej chwili) nie\b",
        r"\bnie (?:teraz|w tej chwili)\b",
        r"\bpozniej\b",
        r"\bbrak budzetu\b",
    ),
    "sv": (
        r"\b(?:inte|ej) (?:just )?nu\b",
        r"\b(?:aterkom|hor av (?:dig|er)|kontakta (?:mig|oss))\b.{0,40}\b(?:senare|nasta|efter|i (?:host|var))\b",
        r"\bingen budget\b",
    ),
    "da": (
        r"\bikke (?:lige )?nu\b",
        r"\b(?:vend tilbage|kontakt (?:mig|os)|skriv)\b.{0,40}\b(?:senere|naeste|efter)\b",
        r"\bintet budget\b",
    ),
    "nb": (
        r"\bikke (?:akkurat )?na\b",
        r"\b(?:kom tilbake|kontakt (?:meg|oss)|ta kontakt)\b.{0,40}\b(?:senere|neste|etter)\b",
    ),
}

WRONG_PERSON: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        r"\b(?:wrong|not the (?:right|correct|best)) (?:person|contact|address|number|guy|department)\b",
        r"\b(?:no longer|don'?t|do not) work (?:here|there|at|for|with)\b",
        r"\bleft (?:the )?(?:company|firm|organi[sz]ation)\b",
        r"\b(?:not|isn'?t) (?:my|in my) (?:area|responsibility|department|remit|job)\b",
        r"\bi(?:'m| am) not (?:responsible|involved|in charge|the (?:right|decision))\b",
    ),
    "de": (
        r"\b(?:falsche[rn]?|nicht der richtige|nicht die richtige) (?:ansprechpartner\w*|person|adresse)\b",
        r"\bnicht (?:zustandig|verantwortlich)\b",
        r"\barbeite nicht mehr\b",
        r"\bnicht mehr (?:im unternehmen|bei)\b",
    ),
    "fr": (
        r"\b(?:pas|plus) (?:la bonne personne|le bon (?:interlocuteur|contact)|responsable|en charge)\b",
        r"\bne travaille plus\b",
        r"\bmauvais(?:e)? (?:personne|interlocuteur|adresse)\b",
    ),
    "es": (
        r"\bno soy (?:la persona|el (?:responsable|encargado|indicado)|la (?:responsable|encargada))\b",
        r"\bya no trabaj\w+\b",
        r"\b(?:persona|contacto) equivocad\w\b",
    ),
    "it": (
        r"\bnon sono (?:la persona|il (?:responsabile|referente)|la (?:responsabile|referente))\b",
        r"\bnon lavor\w+ piu\b",
        r"\bpersona sbagliata\b",
    ),
    "nl": (
        r"\b(?:verkeerde|niet de juiste) (?:persoon|contactpersoon|adres)\b",
        r"\bwerk (?:hier )?niet meer\b",
        r"\bniet verantwoordelijk\b",
    ),
    "pt": (
        r"\bnao sou (?:a pessoa|o responsavel|a responsavel)\b",
        r"\bnao trabalho mais\b",
        r"\bpessoa errada\b",
    ),
    "pl": (
        r"\b(?:niewlasciwa|nie ta) osob\w+\b",
        r"\bnie (?:ja )?(?:zajmuje|odpowiadam)\b",
        r"\bnie pracuje (?:juz|tu)\b",
        r"\bjuz (?:tu )?nie pracuje\b",
    ),
    "sv": (
        r"\b(?:fel|inte ratt) (?:person|kontakt|adress)\b",
        r"\bjobbar inte (?:langre )?(?:har|kvar|pa)\b",
        r"\binte (?:jag som|ansvarig)\b",
    ),
    "da": (
        r"\b(?:forkerte?|ikke den rette) (?:person|kontakt|adresse)\b",
        r"\barbejder ikke (?:laengere )?(?:her|hos)\b",
        r"\bikke ansvarlig\b",
    ),
    "nb": (r"\b(?:feil|ikke rette) (?:person|kontakt|adresse)\b", r"\bjobber ikke (?:lenger )?(?:her|hos)\b"),
}

REFERRAL: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        r"\b(?:please )?(?:contact|reach out to|speak (?:to|with)|talk to|get in touch with|write to|e-?mail|try|ask) (?:my|our|the) (?:colleague|boss|manager|team|head|cfo|ceo|cto|coo|assistant|partner|director|vp)\b",
        r"\b(?:right|best|correct) (?:person|contact) (?:is|would be|for (?:this|that) is)\b",
        r"\b(?:forwarded|passed|sent) (?:this|it|your (?:message|mail|e-?mail)) (?:on )?to\b",
        r"\b(?:i'?ve|i have|i) (?:cc'?d|copied|looped in|added)\b",
        r"\b(?:adding|looping in|cc'?ing|copying) (?:in )?(?:my|our|\w+ (?:here|in cc))\b",
    ),
    "de": (
        r"\b(?:wenden|melden) sie sich (?:bitte )?(?:an|bei)\b",
        r"\b(?:zustandig|ansprechpartner\w*) (?:ist|ware|dafur ist)\b",
        r"\b(?:weitergeleitet|leite (?:es|sie|ihre \S+) weiter)\b",
        r"\b(?:meine?n?|unsere?n?) kolleg\w+\b.{0,30}\b(?:cc|kopie|kontakt\w*)\b",
    ),
    "fr": (
        r"\b(?:contactez|adressez[- ]vous a|voyez avec|rapprochez[- ]vous de) (?:mon|ma|notre|le|la|m\b|mme)",
        r"\b(?:la bonne personne|le bon (?:interlocuteur|contact)) est\b",
        r"\b(?:transmis|transfere|fait suivre)\b",
    ),
    "es": (
        r"\b(?:contacte|contacta|hable|habla|escriba|escribe) (?:con|a) (?:mi|nuestr\w|el|la)\b",
        r"\bla persona (?:indicada|adecuada|responsable) es\b",
        r"\b(?:reenviad\w|he reenviado|copio a)\b",
    ),
    "it": (
        r"\b(?:contatti|contatta|scriva a|scrivi a|parli con|si rivolga a) (?:il|la|mi[oa]|nostr[oa])\b",
        r"\bla persona (?:giusta|corretta|di riferimento) e\b",
        r"\b(?:inoltrat\w|giro la mail)\b",
    ),
    "nl": (
        r"\b(?:neem contact op met|mail|bel|vraag) (?:mijn|onze|de) collega\b",
        r"\bde juiste (?:persoon|contactpersoon) is\b",
        r"\bdoorgestuurd\b",
    ),
    "pt": (
        r"\b(?:fale|contate|contacte|entre em contato) (?:com )?(?:o |a )?(?:meu|minha|nosso|nossa|colega)\b",
        r"\ba pessoa (?:certa|responsavel|indicada) e\b",
        r"\bencaminh(?:ei|ado|o)\b",
    ),
    "pl": (
        r"\b(?:prosze o kontakt|skontaktuj\w* sie|prosze (?:pisac|dzwonic)) (?:z|do)\b",
        r"\b(?:wlasciwa|odpowiednia) osoba (?:jest|to)\b",
        r"\bprzekaza\w+ (?:wiadomosc|maila|dalej)\b",
    ),
    "sv": (
        r"\b(?:kontakta|prata med|mejla|maila|hor av dig till) (?:min|var|vara) (?:kollega|chef)\b",
        r"\bratt (?:person|kontakt) (?:ar|vore)\b",
        r"\bvidarebefordra\w+\b",
    ),
    "da": (
        r"\b(?:kontakt|tal med|skriv til) (?:min|vores) (?:kollega|chef)\b",
        r"\b(?:rette|rigtige) person er\b",
        r"\b(?:videresendt|sendt videre)\b",
    ),
    "nb": (
        r"\b(?:kontakt|snakk med|skriv til) (?:min|var) (?:kollega|sjef)\b",
        r"\brette person er\b",
        r"\bvideresendt\b",
    ),
}

INTERESTED: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        r"\b(?:i'?m|i am|we'?re|we are|very|definitely|quite|would be|could be|sounds?|looks?) (?:very |really |quite |definitely |potentially )?(?:interested|interesting|good|great)\b",
        r"\btell (?:me|us) more\b",
        r"\b(?:send|share) (?:me|us|over|it|more|the|some|your|details|a (?:link|deck|quote|proposal))\b",
        r"\b(?:happy|glad|keen|love|like|open|willing) to (?:chat|talk|learn|hear|discuss|meet|connect|see|have a|know|explore|take a)\b",
        r"\blet'?s (?:talk|chat|meet|do|schedule|set|book|connect|have|find|speak|jump|discuss)\b",
        r"\b(?:book|schedule|set up|arrange|have|jump on|hop on) (?:a |an )?(?:\w+ )?(?:call|meeting|demo|chat|time)\b",
        r"\b(?:works|suits) (?:for )?(?:me|us|fine|well)\b",
        r"\b(?:yes|sure|absolutely|of course)[,.! ]+(?:please|let|i|we|send|that|sounds|happy|would|go|why|tell|interested)\b",
        r"^\W*(?:yes(?: please)?|sure|sounds good|yes,? interested|interested|ok(?:ay)?,? (?:let|send)\w*.*)\W*$",
        r"\b(?:call|ring|phone) me\b",
        r"\bwhen (?:are you|would you be|can we|could we)\b",
        r"\bhow (?:much|does (?:it|this|that|pricing)|do you)\b",
        r"\bmy (?:number|calendar|availability) is\b",
        r"calendly\.com/|cal\.com/",
    ),
    "de": (
        r"\b(?:klingt|hort sich|ware|sehr|bin|sind) (?:\S+ ){0,2}(?:interessant|interessiert|gut|spannend)\b",
        r"\b(?:gerne|gern)\b(?!.{0,20}\bnicht\b)",
        r"\b(?:schicken|senden|schick|send) (?:sie )?(?:mir|uns)\b",
        r"\bmehr (?:erfahren|infos?|informationen)\b",
        r"\b(?:termin|telefonat|gesprach) (?:vereinbaren|ausmachen|machen)\b",
        r"\bwas kostet\b",
        r"\brufen sie (?:mich|uns) an\b",
    ),
    "fr": (
        r"\b(?:je suis|nous sommes|ca m'|cela m'|ca nous) ?(?:tres )?interess\w+\b",
        r"\b(?:avec plaisir|volontiers|pourquoi pas)\b",
        r"\b(?:envoyez|dites)[- ](?:moi|nous)(?:[- ]en)?\b",
        r"\ben savoir plus\b",
        r"\b(?:prendre|fixer|caler) (?:un )?(?:rendez[- ]vous|creneau|appel)\b",
        r"\bappelez[- ]moi\b",
    ),
    "es": (
        r"\b(?:me|nos) interesa\b",
        r"\b(?:estoy|estamos) interesad\w+\b",
        r"\b(?:suena|parece) (?:muy )?(?:bien|interesante)\b",
        r"\b(?:envie|enviame|envieme|mandeme|mandame|cuentame|cuenteme)\w*\b",
        r"\b(?:agendar|agendemos|programar|coordinar)\b",
        r"\bclaro que si\b",
        r"\bllam[ae]me\b",
    ),
    "it": (
        r"\b(?:mi|ci) interessa\b",
        r"\b(?:sono|siamo) interessat\w\b",
        r"\b(?:sembra|molto) interessante\b",
        r"\bvolentieri\b",
        r"\b(?:mi|ci) (?:mandi|invii|manda|invia)\b",
        r"\b(?:fissiamo|fissare|organizziamo) (?:una?|un) \w+\b",
        r"\bmi (?:chiami|chiama)\b",
    ),
    "nl": (
        r"\b(?:klinkt|lijkt (?:me|ons)) (?:\w+ )?(?:interessant|goed|leuk)\b",
        r"\b(?:ik ben|we zijn|wij zijn) (?:wel |zeker |zeer )?geinteresseerd\b",
        r"\b(?:stuur|vertel) (?:me|mij|ons)\b",
        r"\bgraag\b(?!.{0,20}\b(?:niet|geen)\b)",
        r"\b(?:afspraak|gesprek) (?:maken|plannen|inplannen)\b",
        r"\bbel (?:me|mij)\b",
    ),
    "pt": (
        r"\b(?:tenho|temos|muito) interesse\b",
        r"\b(?:estou|estamos) interessad\w+\b",
        r"\b(?:parece|achei) (?:muito )?interessante\b",
        r"\b(?:me |pode |podem )?(?:envi[ae]|mand[ae])(?:r|m)?(?:-me| me| mais)\b",
        r"\b(?:vamos|podemos) (?:conversar|falar|agendar|marcar)\b",
        r"\bme lig[au]e\b",
    ),
    "pl": (
        r"\b(?:jestem|jestesmy|bylbym|bylabym) (?:bardzo )?zainteresowan\w+\b",
        r"\bbrzmi (?:ciekawie|dobrze|interesujaco)\b",
        r"\bprosze (?:o wiecej|przeslac|wyslac|o kontakt|o oferte|zadzwonic)\b",
        r"\bchetnie\b",
        r"\bumowmy sie\b",
    ),
    "sv": (
        r"\b(?:later|verkar|ar) (?:\w+ )?(?:intressant|bra|spannande)\b",
        r"\b(?:jag ar|vi ar) (?:\w+ )?intresserade?\b",
        r"\b(?:skicka|beratta) (?:garna |mer|over)\b",
        r"\bgarna\b(?!.{0,20}\binte\b)",
        r"\b(?:boka|satta upp) (?:ett|en|in) \w+\b",
        r"\bring mig\b",
    ),
    "da": (
        r"\b(?:lyder|virker) (?:\w+ )?(?:interessant|godt|spaendende)\b",
        r"\b(?:jeg er|vi er) (?:\w+ )?interesserede?\b",
        r"\b(?:send|fortael) (?:mig|os|gerne|mere)\b",
        r"\bgerne\b(?!.{0,20}\bikke\b)",
        r"\b(?:book|aftale) (?:et|en) (?:mode|samtale|opkald)\b",
        r"\bring til mig\b",
    ),
    "nb": (
        r"\b(?:hores|virker) (?:\w+ )?(?:interessant|bra|spennende)\b",
        r"\b(?:jeg er|vi er) (?:\w+ )?interesserte?\b",
        r"\b(?:send|fortell) (?:meg|oss|gjerne|mer)\b",
        r"\bgjerne\b(?!.{0,20}\bikke\b)",
        r"\bring meg\b",
    ),
}


def one_of(patterns: dict[str, tuple[str, ...]]) -> re.Pattern[str]:
    """Return one expression that finds any of the patterns, in any language."""
    return re.compile(
        "|".join(f"(?:{one})" for several in patterns.values() for one in several), re.MULTILINE
    )
