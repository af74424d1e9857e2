"""Covering addresses in what people wrote, for readers who shall not have them. Pure."""

from __future__ import annotations

import re
from typing import Final

COVER: Final = "[hidden]"
_MAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
#: Eight digits or more with what is written between them, but no dates and times.
_PHONE: Final = re.compile(r"(?<![\w/.-])\+?\(?\d(?:[\s().\-/]{0,2}\d){7,14}(?![\w/-])")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}")


def cover(text: str) -> str:
    """Return ``text`` with mail addresses and telephone numbers covered."""
    text = _MAIL.sub(COVER, text)
    return _PHONE.sub(lambda found: found[0] if _DATE.match(found[0]) else COVER, text)
