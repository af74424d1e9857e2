"""One IMAP session: folders, what is new by UID, whole messages, searching by id, and keeping what was sent.

Folders are opened read-only and bodies are peeked at: nothing that a person sees as unread is ever marked.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import imapclient
from imapclient.exceptions import IMAPClientError, LoginError

from integrations.errors import ErrorKind, ProviderError
from integrations.providers.mailbox.errors import broken, from_imap_login
from integrations.providers.mailbox.servers import PROVIDER, STARTTLS, MailboxSettings, Server
from integrations.providers.mailbox.sockets import bound, open_socket, tls_context, tls_error

SESSION_SECONDS: Final = 120.0
#: Bytes of one message that are read; the rest of a larger one is its attachments.
MAX_MESSAGE: Final = 12_000_000
#: What is read of a larger one.
LARGE_PART: Final = 500_000
#: Bytes of messages that are asked for at once.
BATCH_BYTES: Final = 4_000_000
#: Largest literal that a server may announce.
_MAX_LITERAL: Final = MAX_MESSAGE + 1_000_000

#: Names of the folder for sent mail where none is marked with ``\\Sent`` (RFC 6154).
_SENT_NAMES: Final = (
    "sent", "sent items", "sent messages", "sent mail", "inbox.sent", "inbox/sent", "[gmail]/sent mail",
    "gesendet", "gesendete elemente", "gesendete objekte", "envoyés", "éléments envoyés", "enviados",
    "elementos enviados", "inviata", "posta inviata", "verzonden", "verzonden items", "skickat", "sendt",
    "wysłane", "elementy wysłane", "itens enviados", "送信済み", "已发送",
)  # fmt: skip
_JUNK_NAMES: Final = (
    "junk", "spam", "junk e-mail", "junk email", "bulk mail", "inbox.junk", "inbox.spam", "[gmail]/spam",
)  # fmt: skip
_UNSAFE: Final = re.compile(r"[\r\n\x00\"\\]")


class _Imap4(imaplib.IMAP4):
    """The standard client over a guarded socket, with literals of a bounded size."""

    def __init__(self, server: Server) -> None:
        self._server = server
        super().__init__(server.host, server.port)

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        return open_socket(self._server, seconds=SESSION_SECONDS)

    def read(self, size: int) -> bytes:
        """Read a literal of a size that mail has."""
        if size > _MAX_LITERAL:
            raise self.abort(f"a literal of {size} bytes")
        return super().read(size)


class _Client(imapclient.IMAPClient):
    """The library's client over a guarded socket."""

    def __init__(self, server: Server) -> None:
        self._server = server
        super().__init__(server.host, port=server.port, ssl=server.security == "tls")
        self.normalise_times = False

    def _create_IMAP4(self) -> _Imap4:  # noqa: N802 - the library's name
        return _Imap4(self._server)

    def _set_read_timeout(self) -> None:
        """The socket keeps its own bounds."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A folder as it is now."""

    uid_validity: int
    uid_next: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """One message: ``received_at`` is when the server took it, ``raw`` may be cut off after its beginning."""

    uid: int
    received_at: datetime
    raw: bytes


class ImapSession:
    """A signed-in session. Everything raises ``ProviderError``."""

    def __init__(self, client: Any, settings: MailboxSettings) -> None:
        self._client = client
        self._settings = settings
        self._folders: list[tuple[frozenset[str], str]] | None = None

    # --- folders --------------------------------------------------------------------------------------

    def capabilities(self) -> frozenset[str]:
        """Return what the server can do, upper case."""
        with _told(self._settings.imap):
            return frozenset(_text(name).upper() for name in self._client.capabilities())

    def sent_folder(self) -> str:
        """Return the folder with sent mail, ``""`` if there is none."""
        return self._settings.sent_folder or self._special("\\sent", _SENT_NAMES)

    def junk_folder(self) -> str:
        """Return the folder with what the server took for spam, ``""`` if there is none."""
        return self._special("\\junk", _JUNK_NAMES)

    def folders(self) -> list[str]:
        """Return the names of all folders."""
        return [name for _flags, name in self._listed()]

    def _special(self, mark: str, names: tuple[str, ...]) -> str:
        listed = self._listed()
        for flags, name in listed:
            if mark in flags:
                return name
        by_name = {name.casefold(): name for _flags, name in reversed(listed)}
        return next((by_name[known] for known in names if known in by_name), "")

    def _listed(self) -> list[tuple[frozenset[str], str]]:
        if self._folders is None:
            with _told(self._settings.imap):
                rows = self._client.list_folders()
            self._folders = [
                (frozenset(_text(flag).lower() for flag in flags), _text(name))
                for flags, _sep, name in rows[:500]
            ]
        return self._folders

    def open(self, folder: str) -> Opened:
        """Open a folder for reading only."""
        with _told(self._settings.imap, f"The folder {folder!r} cannot be opened."):
            told = self._client.select_folder(folder, readonly=True)
        validity, following = told.get(b"UIDVALIDITY"), told.get(b"UIDNEXT")
        if not isinstance(following, int):
            following = self._highest_uid() + 1
        return Opened(int(validity or 0), following)

    def _highest_uid(self) -> int:
        with _told(self._settings.imap):
            return max(self._client.search(["UID", "*"]), default=0)

    # --- messages -------------------------------------------------------------------------------------

    def uids_after(self, uid: int) -> list[int]:
        """Return the UIDs of the open folder above ``uid``, lowest first, read or not."""
        with _told(self._settings.imap):
            found = self._client.search(["UID", f"{uid + 1}:*"])
        # ``n:*`` names the last message even where all are below n (RFC 3501, 6.4.8).
        return sorted(number for number in found if number > uid)

    def uids_since(self, day: datetime) -> list[int]:
        """Return the UIDs of the open folder that arrived on or after a day."""
        with _told(self._settings.imap):
            return sorted(self._client.search(["SINCE", day.date()]))

    def uids_between(self, first: datetime, following: datetime) -> list[int]:
        """Return the UIDs of the open folder that arrived from one day on and before another."""
        with _told(self._settings.imap):
            return sorted(self._client.search(["SINCE", first.date(), "BEFORE", following.date()]))

    def with_id(self, message_id: str) -> bool:
        """Say whether the open folder has a message with this id."""
        return self._any(["HEADER", "Message-ID", message_id])

    def answers(self, message_id: str) -> bool:
        """Say whether the open folder has a message that answers or returns this one."""
        return any(self._any(["HEADER", name, message_id]) for name in ("In-Reply-To", "References"))

    def _any(self, criteria: list[str]) -> bool:
        if _UNSAFE.search(criteria[-1]):
            return False
        with _told(self._settings.imap):
            return bool(self._client.search(criteria))

    def fetch(self, uids: list[int]) -> Iterator[Fetched]:
        """Return messages of the open folder in the order of ``uids``; those that are gone are left out."""
        if not uids:
            return
        with _told(self._settings.imap):
            facts = self._client.fetch(uids, ["RFC822.SIZE", "INTERNALDATE", "FLAGS"])
        wanted = [uid for uid in uids if uid in facts and b"\\Draft" not in facts[uid].get(b"FLAGS", ())]
        for batch in _batches(wanted, facts):
            large = _size(facts[batch[0]]) > MAX_MESSAGE
            part = f"BODY.PEEK[]<0.{LARGE_PART}>" if large else "BODY.PEEK[]"
            with _told(self._settings.imap):
                bodies = self._client.fetch(batch, [part])
            for uid in batch:
                raw = _body(bodies.get(uid, {}))
                if raw is not None:
                    yield Fetched(uid, _aware(facts[uid].get(b"INTERNALDATE")), raw)

    def whole(self, message_id: str, *, max_bytes: int) -> bytes | None:
        """Return a message of the open folder by its id, ``None`` if it is not there.

        Kind ``validation`` if it is larger than ``max_bytes``.
        """
        if _UNSAFE.search(message_id):
            return None
        with _told(self._settings.imap):
            uids = self._client.search(["HEADER", "Message-ID", message_id])
            facts = self._client.fetch(uids[:1], ["RFC822.SIZE"]) if uids else {}
        if not facts:
            return None
        if _size(facts[uids[0]]) > max_bytes:
            raise ProviderError(
                ErrorKind.VALIDATION, "The message is too large to be fetched.", provider=PROVIDER
            )
        with _told(self._settings.imap):
            bodies = self._client.fetch(uids[:1], ["BODY.PEEK[]"])
        return _body(bodies.get(uids[0], {}))

    def append(self, folder: str, content: bytes, at: datetime) -> None:
        """Put a message into a folder, read."""
        with _told(self._settings.imap, f"Nothing can be put into the folder {folder!r}."):
            self._client.append(folder, content, flags=("\\Seen",), msg_time=at)

    # --- news -----------------------------------------------------------------------------------------

    def start_idle(self) -> None:
        """Ask the server to tell about changes of the open folder."""
        with _told(self._settings.imap):
            self._client.idle()
        bound(self._client.socket(), seconds=None)

    def stop_idle(self) -> bool:
        """End ``start_idle``; return whether mail arrived meanwhile."""
        bound(self._client.socket(), seconds=SESSION_SECONDS)
        with _told(self._settings.imap):
            _ended, told = self._client.idle_done()
        return arrived(told)

    def news(self) -> bool:
        """Read what the server told while idling, idle again; return whether mail arrived.

        Idling is ended for it: a server may have sent half a line so far, which only a read that waits can
        complete (the library's ``idle_check`` does not wait, and takes half a line for a lost connection).
        """
        mail_arrived = self.stop_idle()
        self.start_idle()
        return mail_arrived

    def socket(self) -> socket.socket:
        """Return the socket, to wait on."""
        found: socket.socket = self._client.socket()
        return found

    def close(self) -> None:
        """Drop the connection."""
        with contextlib.suppress(OSError, IMAPClientError, imaplib.IMAP4.error):
            self._client.shutdown()


def arrived(told: list[Any]) -> bool:
    """Say whether unasked answers tell of new messages. ``BYE`` counts as news: look, then connect again."""
    return any(
        isinstance(line, tuple) and any(part in {b"EXISTS", b"RECENT", b"BYE"} for part in line[:2])
        for line in told
    )


def connect(settings: MailboxSettings) -> ImapSession:
    """Open a session that is signed in. Raises ``ProviderError``."""
    server = settings.imap
    with _told(server, f"{server} does not answer as a mail server."):
        client = _Client(server)
    try:
        if server.security == STARTTLS:
            _encrypt(client, server)
        _sign_in(client, settings)
    except BaseException:
        with contextlib.suppress(OSError, IMAPClientError, imaplib.IMAP4.error):
            client.shutdown()
        raise
    bound(client.socket(), seconds=SESSION_SECONDS)
    return ImapSession(client, settings)


@contextlib.contextmanager
def session(settings: MailboxSettings) -> Iterator[ImapSession]:
    """Open a session that is signed in, and close it afterwards. Raises ``ProviderError``."""
    opened = connect(settings)
    try:
        yield opened
    finally:
        opened.close()


def _encrypt(client: _Client, server: Server) -> None:
    try:
        client.starttls(tls_context())
    except (ssl.SSLError, IMAPClientError, imaplib.IMAP4.error) as error:
        raise tls_error(server, error) from error
    except OSError as error:
        raise broken(f"{server} broke off the encryption.", error) from error


def _sign_in(client: _Client, settings: MailboxSettings) -> None:
    with _told(settings.imap):
        can_plain = client.has_capability("AUTH=PLAIN")
    try:
        with _told(settings.imap):
            # LOGIN carries ASCII only; servers that disable it offer PLAIN.
            if can_plain:
                client.plain_login(settings.username, settings.password)
            else:
                client.login(settings.username, settings.password)
    except LoginError as error:
        raise from_imap_login(str(error)) from error


@contextlib.contextmanager
def _told(server: Server, message: str = "") -> Iterator[None]:
    """Turn what the libraries raise into ``ProviderError``; a refused sign-in passes."""
    try:
        yield
    except (ProviderError, LoginError):
        raise
    except imaplib.IMAP4.abort as error:
        raise broken(message or f"{server} broke off.", error) from error
    except (IMAPClientError, imaplib.IMAP4.error) as error:
        raise ProviderError(
            ErrorKind.UNAVAILABLE,
            message or f"{server} refused a request.",
            provider=PROVIDER,
            raw_type=type(error).__name__,
            detail=str(error)[:300],
        ) from error
    except (OSError, EOFError) as error:
        raise broken(message or f"{server} does not answer.", error) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, UnicodeError) as error:
        # A server may send anything; the library's parser then trips over it in its own way.
        raise broken(f"{server} answered something that is no IMAP.", error) from error


def _batches(uids: list[int], facts: dict[int, Any]) -> Iterator[list[int]]:
    """Group UIDs so that a request asks for a few megabytes at most; large messages stand alone."""
    batch: list[int] = []
    total = 0
    for uid in uids:
        size = _size(facts[uid])
        if batch and (total + size > BATCH_BYTES or len(batch) >= 50):
            yield batch
            batch, total = [], 0
        batch.append(uid)
        total += size
    if batch:
        yield batch


def _size(facts: dict[bytes, Any]) -> int:
    size = facts.get(b"RFC822.SIZE")
    return size if isinstance(size, int) else 0


def _body(parts: dict[bytes, Any]) -> bytes | None:
    found = next((value for name, value in parts.items() if name.upper().startswith(b"BODY[]")), None)
    return found if isinstance(found, bytes) else None


def _aware(moment: Any) -> datetime:
    if not isinstance(moment, datetime):
        return datetime.now(UTC)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
