"""Addresses of people in the one form in which they are compared. Pure; no Django."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import unquote, urlsplit
from uuid import UUID

import phonenumbers

_SLUG = re.compile(r"^[\w\-%.·\u2019'~]{2,100}$", re.UNICODE)
_MEMBER_ID = re.compile(r"^A(?:Co|Do|Cw|E[A-Za-z]?)A[A-Za-z0-9_\-]{5,}$")
_EMAIL = re.compile(r"^[^@\s\"(),:;<>\[\]\\]{1,64}@(?:[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$")
_LEGAL_FORMS = re.compile(
    r"[\s,.]+(inc|llc|ltd|limited|gmbh|ag|ab|as|asa|oy|oyj|bv|nv|sa|sas|sarl|srl|spa|plc|corp|co|kg|aps|a/s)\.?$"
)


class InvalidAddress(ValueError):
    """The text is not an address of the wanted kind; the message says why, in plain words."""


def linkedin_identifier(value: str) -> str:
    """Return the public identifier (lower case) or member id (as written) of a LinkedIn profile link or slug.

    Accepts ``https://www.linkedin.com/in/<slug>/?...``, country hosts, percent-encoding, a bare slug, and
    ``ACoAA...`` ids, which are case-sensitive (docs/providers/unipile.md, pitfalls 2 and 4). Raises
    ``InvalidAddress`` for company pages, Sales Navigator links without a usable slug, and anything else.
    """
    text = value.strip()
    if "linkedin.com" in text.lower():
        parts = urlsplit(text if "//" in text else f"https://{text}")
        host = (parts.hostname or "").lower()
        if host != "linkedin.com" and not host.endswith(".linkedin.com"):
            raise InvalidAddress("not a LinkedIn address")
        segments = [segment for segment in parts.path.split("/") if segment]
        if len(segments) < 2 or segments[0].lower() not in {"in", "pub"}:
            kind = segments[0] if segments else "address"
            raise InvalidAddress(f"a LinkedIn {kind} page, not a person's profile (…/in/name)")
        text = segments[1]
    text = unquote(text).split(",")[0].strip()
    if _MEMBER_ID.match(text):
        return text
    if not _SLUG.match(text):
        raise InvalidAddress("not a LinkedIn profile address")
    return text.lower()


def is_member_id(identifier: str) -> bool:
    """Say whether a normalised LinkedIn identifier is a member id (``ACoAA...``) and not a public identifier."""
    return bool(_MEMBER_ID.match(identifier))


def email_address(value: str) -> str:
    """Return an e-mail address in lower case. Raises ``InvalidAddress`` when its syntax is wrong."""
    text = value.strip().strip("<>").lower()
    if not _EMAIL.match(text) or ".." in text:
        raise InvalidAddress("not an e-mail address")
    return text


def phone_number(value: str, country: str = "") -> str:
    """Return a phone number as E.164. ``country`` (alpha-2) is assumed for numbers without ``+``."""
    try:
        number = phonenumbers.parse(value, country.upper() or None)
    except phonenumbers.NumberParseException as error:
        raise InvalidAddress("not a phone number with its country code") from error
    if not phonenumbers.is_possible_number(number):
        raise InvalidAddress("not a possible phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def national_digits(number: str) -> str:
    """Return the digits of an E.164 number that stand in it however it is written, without the country's code."""
    try:
        return str(phonenumbers.parse(number).national_number)
    except phonenumbers.NumberParseException:
        return re.sub(r"\D", "", number)


def names_phone(text: str, number: str) -> bool:
    """Say whether an E.164 number stands in a text, in any spelling; one without a country counts as of the same."""
    if national_digits(number) not in re.sub(r"\D", "", text):
        return False
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return number in text
    found = phonenumbers.PhoneNumberMatcher(text, region, leniency=phonenumbers.Leniency.POSSIBLE)
    e164 = phonenumbers.PhoneNumberFormat.E164
    return any(phonenumbers.format_number(match.number, e164) == number for match in found)


def company_key(name: str) -> str:
    """Return a company name as it is compared: lower case, single spaces, without its legal form."""
    text = " ".join(name.lower().split())
    shorter = _LEGAL_FORMS.sub("", text)
    return (shorter or text)[:200]


def digest(organization_id: UUID, kind: str, normalized: str) -> str:
    """What is kept of an address of somebody who was erased: it tells the address again, and names nobody."""
    return hashlib.sha256(f"{organization_id}:{kind}:{normalized}".encode()).hexdigest()


def mailbox(address: str) -> str:
    """The mailbox that an e-mail address leads to, as far as its form tells: without a ``+tag``; Gmail ignores dots."""
    local, _, domain = address.partition("@")
    local = local.partition("+")[0]
    if domain in {"gmail.com", "googlemail.com"}:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"
