"""Files in the bodies of control calls."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from integrations.sandbox.world import ControlError


def decode_files(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The ``attachments`` of a control call: ``[{name, mimetype, content_base64}]``."""
    files = []
    for item in body.get("attachments") or []:
        try:
            content = base64.b64decode(item["content_base64"], validate=True)
            files.append({"name": str(item["name"]), "mimetype": str(item["mimetype"]), "content": content})
        except (KeyError, TypeError, binascii.Error) as error:
            raise ControlError(
                400, "invalid", "attachments: name, mimetype and content_base64 each"
            ) from error
    return files
