"""News at once: an IMAP connection that idles (RFC 2177) on the inbox.

Servers end idling after 30 minutes, so that it is begun again before that.
"""

from __future__ import annotations

import time
from typing import Final

from integrations.errors import ErrorKind, ProviderError
from integrations.providers.mailbox import imap
from integrations.providers.mailbox.imap import ImapSession
from integrations.providers.mailbox.servers import PROVIDER, MailboxSettings

RENEW_SECONDS: Final = 25 * 60.0


class IdleWatch:
    """A ``integrations.base.Watch`` over one connection."""

    def __init__(self, session: ImapSession) -> None:
        self._session = session
        self._renew_at = time.monotonic() + RENEW_SECONDS

    def fileno(self) -> int:
        """Return the descriptor that becomes readable on news, for a selector."""
        return self._session.socket().fileno()

    def read(self) -> bool:
        """Read what the server told; return whether something came in. Raises ``ProviderError`` if it is gone."""
        news = self._session.news()
        self._renew_at = time.monotonic() + RENEW_SECONDS
        return news

    def keep_alive(self) -> bool:
        """Begin anew if it is time to; return whether something came in meanwhile. Raises ``ProviderError``."""
        return self.read() if time.monotonic() >= self._renew_at else False

    def close(self) -> None:
        """Drop the connection."""
        self._session.close()


def watch(settings: MailboxSettings) -> IdleWatch:
    """Open a connection that idles on the inbox. Raises ``ProviderError``; kind ``unsupported`` without IDLE."""
    session = imap.connect(settings)
    try:
        if "IDLE" not in session.capabilities():
            raise ProviderError(
                ErrorKind.UNSUPPORTED, f"{settings.imap} does not tell about news.", provider=PROVIDER
            )
        session.open("INBOX")
        session.start_idle()
    except BaseException:
        session.close()
        raise
    return IdleWatch(session)
