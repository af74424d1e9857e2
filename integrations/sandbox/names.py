"""The name service of this world, as public resolvers answer over HTTP: ``GET /resolve?name=..&type=TXT``.

Every domain has SPF and a DKIM key; whether it has DMARC depends on its name, so that a demo shows both.
"""

from __future__ import annotations

from zlib import crc32

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from integrations.sandbox.control_http import ok

#: Who sends for domains here, as their SPF records name them.
MAILERS = ("sendgrid.net", "amazonses.com")
_TXT = 16


def texts(name: str) -> list[str]:
    """The TXT records at a name."""
    name = name.lower().rstrip(".")
    first, _, rest = name.partition(".")
    if first == "_dmarc":
        return ["v=DMARC1; p=none; rua=mailto:dmarc@" + rest] if crc32(rest.encode()) % 2 else []
    if "._domainkey." in name:
        return ["v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQ"]
    if name in MAILERS:
        return ["v=spf1 ip4:198.51.100.0/24 ~all"]
    return [f"v=spf1 {' '.join(f'include:{mailer}' for mailer in MAILERS)} ~all"] if "." in name else []


async def _resolve(request: Request) -> Response:
    name = request.query_params.get("name", "")
    found = texts(name) if request.query_params.get("type", "A").upper() == "TXT" else []
    rows = [{"name": name, "type": _TXT, "TTL": 60, "data": f'"{text}"'} for text in found]
    return ok({"Status": 0, "Answer": rows} if rows else {"Status": 3})


ROUTE = Route("/resolve", _resolve)
