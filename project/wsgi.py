"""WSGI entry for deployments that serve pages, API and webhooks apart from the sockets.

Providers' calls do not go through the site's middleware (``project.core.light``): they are many, they have no session,
and their views prove by themselves who calls. Neither the host nor the scheme that they were sent to means anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.dev")
site = get_wsgi_application()

from integrations import webhook_door  # noqa: E402
from integrations.services import intake_hints  # noqa: E402
from project.core import collector  # noqa: E402
from project.core.light import LightDoor  # noqa: E402

webhooks = LightDoor(
    "/webhooks/", "integrations.webhook_urls", on_first_call=intake_hints.gather, shortcut=webhook_door.take
)
collector.settle()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Serve a request."""
    door = webhooks if environ.get("PATH_INFO", "").startswith(webhooks.prefix) else site
    answer: Iterable[bytes] = door(environ, start_response)
    return answer
