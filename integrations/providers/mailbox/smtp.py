"""One SMTP session: sign in, hand one e-mail over, and know at every step whether it may have left."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from integrations.errors import ErrorKind, ProviderError
from integrations.providers.mailbox.errors import Phase, broken, from_reply
from integrations.providers.mailbox.servers import PROVIDER, STARTTLS, MailboxSettings, Server
from integrations.providers.mailbox.sockets import bound, open_socket, tls_context, tls_error

#: Seconds and megabytes of answers for a whole session.
SESSION_SECONDS: Final = 90.0
SESSION_MEGABYTES: Final = 1.0

_LOST: Final = (OSError, smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError, ValueError)


class _Smtp(smtplib.SMTP):
    """The library's client over a guarded socket."""

    def __init__(self, server: Server, hello: str) -> None:
        self._server = server
        # No host: nothing is connected yet, and the machine's own name is not looked up.
        super().__init__(local_hostname=hello, timeout=SESSION_SECONDS)
        self._host = server.host

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return open_socket(self._server, seconds=SESSION_SECONDS)


@contextmanager
def session(settings: MailboxSettings) -> Iterator[smtplib.SMTP]:
    """Open a session that is signed in. Raises ``ProviderError``; nothing was sent then."""
    smtp = _Smtp(settings.smtp, settings.address.rpartition("@")[2])
    try:
        _greet(smtp, settings.smtp)
        _sign_in(smtp, settings)
        yield smtp
    finally:
        smtp.close()


def _greet(smtp: _Smtp, server: Server) -> None:
    try:
        code, text = smtp.connect(server.host, server.port)
        if smtp.sock is not None:
            bound(smtp.sock, seconds=SESSION_SECONDS, megabytes=SESSION_MEGABYTES)
        if code != 220:
            raise from_reply(Phase.CONNECT, code, _words(text))
        _hello(smtp)
        if server.security == STARTTLS:
            _encrypt(smtp, server)
            _hello(smtp)
    except smtplib.SMTPNotSupportedError as error:
        raise tls_error(server, error) from error
    except smtplib.SMTPResponseException as error:
        raise from_reply(Phase.CONNECT, error.smtp_code, _words(error.smtp_error)) from error
    except _LOST as error:
        raise broken(f"{server} does not answer as a mail server.", error) from error


def _hello(smtp: _Smtp) -> None:
    code, text = smtp.ehlo()
    if not 200 <= code <= 299:
        raise from_reply(Phase.CONNECT, code, _words(text))


def _encrypt(smtp: _Smtp, server: Server) -> None:
    try:
        code, text = smtp.starttls(context=tls_context())
    except (ssl.SSLError, ssl.CertificateError) as error:
        raise tls_error(server, error) from error
    if code != 220:
        raise from_reply(Phase.CONNECT, code, _words(text))
    if smtp.sock is not None:
        bound(smtp.sock, seconds=SESSION_SECONDS, megabytes=SESSION_MEGABYTES)


def _sign_in(smtp: _Smtp, settings: MailboxSettings) -> None:
    if not smtp.has_extn("auth"):
        if settings.smtp.trusted:
            return
        raise ProviderError(
            ErrorKind.CONFIG,
            f"{settings.smtp} offers no sign-in; the port or the kind of encryption may be wrong.",
            provider=PROVIDER,
        )
    try:
        smtp.login(settings.username, settings.password)
    except smtplib.SMTPResponseException as error:
        raise from_reply(Phase.LOGIN, error.smtp_code, _words(error.smtp_error)) from error
    except UnicodeEncodeError as error:
        raise from_reply(Phase.LOGIN, 535, "The password has characters that SMTP cannot carry.") from error
    except smtplib.SMTPServerDisconnected as error:
        raise broken(f"{settings.smtp} broke off the sign-in.", error) from error
    except smtplib.SMTPException as error:
        raise ProviderError(
            ErrorKind.CONFIG,
            f"{settings.smtp} offers no way to sign in that we know.",
            provider=PROVIDER,
            raw_type=type(error).__name__,
        ) from error
    except _LOST as error:
        raise broken(f"{settings.smtp} broke off the sign-in.", error) from error


def send(settings: MailboxSettings, *, sender: str, recipients: Sequence[str], content: bytes) -> str:
    """Hand one e-mail over, once; return the server's word for it (its queue id, if it says one).

    The first recipient is whom it is for, the others get copies: without one of them nothing leaves.

    Raises ``ProviderError``: of kind ``indeterminate`` if the connection was lost after the end of the e-mail
    began to leave, of other kinds only if it surely was not taken.
    """
    with session(settings) as smtp:
        try:
            _envelope(smtp, sender, recipients, len(content))
            _body(smtp, content)
        except _LOST as error:
            raise broken(f"{settings.smtp} broke off before the e-mail was handed over.", error) from error
        said = _end(smtp, settings)
        try:
            smtp.quit()
        except (smtplib.SMTPException, *_LOST):
            pass  # the e-mail is taken; how the session ends changes nothing
        return said


def _envelope(smtp: smtplib.SMTP, sender: str, recipients: Sequence[str], size: int) -> None:
    options = [f"size={size}"] if smtp.has_extn("size") else []
    code, text = smtp.mail(sender, options)
    if code != 250:
        raise from_reply(Phase.SENDER, code, _words(text))
    for number, recipient in enumerate(recipients):
        code, text = smtp.rcpt(recipient)
        if code not in {250, 251} and number == 0:
            raise from_reply(Phase.RECIPIENT, code, _words(text))
        if code not in {250, 251}:
            raise ProviderError(
                ErrorKind.VALIDATION,
                f"The copy to {recipient} was refused, so nothing was sent: {_words(text)}",
                provider=PROVIDER,
                raw_type=str(code),
            )


def _body(smtp: smtplib.SMTP, content: bytes) -> None:
    """Send everything but the end. A server that is left before the end discards it (RFC 5321, 4.1.1.4)."""
    smtp.putcmd("data")
    code, text = smtp.getreply()
    if code != 354:
        raise from_reply(Phase.CONTENT, code, _words(text))
    lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)
    smtp.send(stuffed if stuffed.endswith(b"\r\n") else stuffed + b"\r\n")


def _end(smtp: smtplib.SMTP, settings: MailboxSettings) -> str:
    try:
        smtp.send(b".\r\n")
        code, text = smtp.getreply()
    except (smtplib.SMTPException, *_LOST) as error:
        raise broken(
            f"{settings.smtp} did not say whether it took the e-mail.", error, may_have_left=True
        ) from error
    if code == -1:
        raise broken(
            f"{settings.smtp} answered something that is no answer.", ValueError(), may_have_left=True
        )
    if not 200 <= code <= 299:
        raise from_reply(Phase.CONTENT, code, _words(text))
    return _words(text)[:200]


def _words(text: bytes | str) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
