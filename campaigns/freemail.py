"""Mail services that anybody may have an address at: their domains say nothing about where somebody works."""

from __future__ import annotations

FREE_MAIL = frozenset(
    {
        "126.com", "139.com", "163.com", "abv.bg", "alice.it", "aol.com", "arcor.de", "bigpond.com", "bk.ru",
        "bluewin.ch", "btinternet.com", "centrum.cz", "comcast.net", "cox.net", "duck.com", "email.cz", "email.de",
        "fastmail.com", "foxmail.com", "free.fr", "freenet.de", "gmail.com", "gmx.at", "gmx.ch", "gmx.com", "gmx.de",
        "gmx.net", "googlemail.com", "hey.com", "hotmail.co.uk", "hotmail.com", "hotmail.de", "hotmail.es",
        "hotmail.fr", "hotmail.it", "hotmail.se", "hushmail.com", "icloud.com", "inbox.com", "inbox.lv", "inbox.ru",
        "interia.pl", "laposte.net", "libero.it", "list.ru", "live.co.uk", "live.com", "live.de", "live.fr",
        "live.nl", "live.se", "mac.com", "mail.com", "mail.de", "mail.ru", "mailbox.org", "me.com", "msn.com",
        "naver.com", "neuf.fr", "o2.pl", "online.no", "op.pl", "orange.fr", "outlook.com", "outlook.de",
        "outlook.es", "outlook.fr", "pm.me", "posteo.de", "proton.me", "protonmail.com", "qq.com", "rediffmail.com",
        "rocketmail.com", "sapo.pt", "sbcglobal.net", "seznam.cz", "sfr.fr", "shaw.ca", "sina.com", "sky.com",
        "t-online.de", "talktalk.net", "telenet.be", "telia.com", "terra.com.br", "tiscali.it", "tuta.com",
        "tutanota.com", "uol.com.br", "verizon.net", "virgilio.it", "virginmedia.com", "wanadoo.fr", "web.de",
        "wp.pl", "yahoo.co.in", "yahoo.co.jp", "yahoo.co.uk", "yahoo.com", "yahoo.com.br", "yahoo.de", "yahoo.es",
        "yahoo.fr", "yahoo.it", "yandex.com", "yandex.ru", "yeah.net", "ymail.com", "ziggo.nl", "zoho.com",
    }
)  # fmt: skip


def is_free_mail(domain: str) -> bool:
    """Whether a domain belongs to a free-mail service."""
    return domain.strip(".").lower() in FREE_MAIL
