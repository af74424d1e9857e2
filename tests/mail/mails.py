"""Raw mails written by hand after the public formats of mail programs and servers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from integrations.events import Normalised
from integrations.mail.inbound import parse_inbound

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
OWN = "erik@acme.example"
THEIRS = "jo.weil@globex.example"
OURS_ID = "<0123456789abcdef0123456789abcdef@acme.example>"
SEND_ID = "01234567-89ab-cdef-0123-456789abcdef"


def raw(body: str = "Sounds good", **headers: str) -> bytes:
    """A mail of theirs to us; headers are named with underscores, ``""`` leaves one out."""
    fields = {
        "From": f"Jo Weil <{THEIRS}>",
        "To": f"Erik Sand <{OWN}>",
        "Subject": "Re: Your warehouse",
        "Date": "Sat, 21 Nov 2026 09:59:00 +0000",
        "Message-ID": "<their-1@globex.example>",
        "In-Reply-To": OURS_ID,
        "References": OURS_ID,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in fields.items() if value]
    return ("\r\n".join([*lines, "", ""]) + body.replace("\n", "\r\n")).encode()


def read(mail: bytes, **options: Any) -> Normalised:
    """What a mail comes to, for our mailbox."""
    settings: dict[str, Any] = {
        "account_id": OWN,
        "provider": "mailbox",
        "own_addresses": {OWN},
        "received_at": NOW,
    }
    return parse_inbound(mail, **{**settings, **options})


def event(mail: bytes, **options: Any) -> Any:
    """The one event of a mail."""
    (found,) = read(mail, **options).events
    return found


ORIGINAL = f"""From: Erik Sand <{OWN}>
To: {THEIRS}
Subject: Your warehouse
Message-ID: {OURS_ID}
Date: Fri, 20 Nov 2026 10:00:00 +0000

Hi Jo
"""

POSTFIX = f"""Return-Path: <>
Received: by mail.acme.example (Postfix) id 4ABC; Sat, 21 Nov 2026 09:58:00 +0000 (UTC)
Date: Sat, 21 Nov 2026 09:58:00 +0000 (UTC)
From: MAILER-DAEMON@mail.acme.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {OWN}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
 boundary="9B7A.1763719080/mail.acme.example"
Message-Id: <20261121095800.4ABC@mail.acme.example>

This is a MIME-encapsulated message.

--9B7A.1763719080/mail.acme.example
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mail.acme.example.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

<{THEIRS}>: host mx.globex.example[192.0.2.7] said: 550 5.1.1
    <{THEIRS}>: Recipient address rejected: User unknown in
    local recipient table (in reply to RCPT TO command)

--9B7A.1763719080/mail.acme.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.acme.example
X-Postfix-Queue-ID: 9B7A
X-Postfix-Sender: rfc822; {OWN}
Arrival-Date: Sat, 21 Nov 2026 09:57:58 +0000 (UTC)

Final-Recipient: rfc822; {THEIRS}
Original-Recipient: rfc822;{THEIRS}
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.globex.example
Diagnostic-Code: smtp; 550 5.1.1 <{THEIRS}>: Recipient address
    rejected: User unknown in local recipient table

--9B7A.1763719080/mail.acme.example
Content-Description: Undelivered Message
Content-Type: message/rfc822

{ORIGINAL}
--9B7A.1763719080/mail.acme.example--
"""

EXIM = f"""Return-path: <>
Received: from mailnull by mx.acme.example with local (Exim 4.96)
 id 1r5abc-000abc-0A for {OWN}; Sat, 21 Nov 2026 09:58:00 +0000
X-Failed-Recipients: {THEIRS}
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mx.acme.example>
To: {OWN}
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1r5abc-000abc-0A@mx.acme.example>
Date: Sat, 21 Nov 2026 09:58:00 +0000

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {THEIRS}
    host mx.globex.example [192.0.2.7]
    SMTP error from remote mail server after RCPT TO:<{THEIRS}>:
    550 5.1.1 No such user here

------ This is a copy of the message, including all the headers. ------

{ORIGINAL}
"""

EXIM_DELAYED = f"""Return-path: <>
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mx.acme.example>
To: {OWN}
Subject: Warning: message 1r5abc-000abc-0A delayed 24 hours
Message-Id: <E1r5abd-000abd-0A@mx.acme.example>
Date: Sat, 21 Nov 2026 09:58:00 +0000

This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on mx.acme.example.

The message identifier is:     1r5abc-000abc-0A
The subject of the message is: Your warehouse

The address to which the message has not yet been delivered is:

  {THEIRS}
    host mx.globex.example [192.0.2.7]: 451 4.7.1 Greylisting in action

No action is required on your part. Delivery attempts will continue for
some time, and this warning may be repeated at intervals if the message
remains undelivered.

------ The header of the message follows. ------
Message-ID: {OURS_ID}
"""

EXCHANGE = f"""From: postmaster@globex.example
To: {OWN}
Date: Sat, 21 Nov 2026 09:58:00 +0000
Content-Type: multipart/report; report-type=delivery-status;
 boundary="6a6b3d1b-0ab8-4a7c-9b3e-7d2f"
Content-Language: en-US
Message-ID: <4b5c@GLOBEX01.globex.example>
In-Reply-To: {OURS_ID}
References: {OURS_ID}
Subject: Undeliverable: Your warehouse
Auto-Submitted: auto-replied

--6a6b3d1b-0ab8-4a7c-9b3e-7d2f
Content-Type: multipart/alternative; differences=Content-Type;
 boundary="b2"

--b2
Content-Type: text/plain; charset="us-ascii"

Delivery has failed to these recipients or groups:

{THEIRS}<mailto:{THEIRS}>
The email address you entered couldn't be found. Please check the
recipient's email address and try to resend the message.

--b2
Content-Type: text/html; charset="us-ascii"

<html><body><p>Delivery has failed to these recipients or groups:</p></body></html>

--b2--

--6a6b3d1b-0ab8-4a7c-9b3e-7d2f
Content-Type: message/delivery-status

Reporting-MTA: dns;GLOBEX01.globex.example
Received-From-MTA: dns;mail.acme.example

Final-Recipient: rfc822;{THEIRS}
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {THEIRS} not found by SMTP address lookup
X-Display-Name: {THEIRS}

--6a6b3d1b-0ab8-4a7c-9b3e-7d2f
Content-Type: message/rfc822

{ORIGINAL}
--6a6b3d1b-0ab8-4a7c-9b3e-7d2f--
"""

GMAIL = f"""Return-Path: <>
Content-Type: multipart/report; boundary="0000000000abc"; report-type=delivery-status
To: {OWN}
Auto-Submitted: auto-replied
From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>
Subject: Delivery Status Notification (Failure)
References: {OURS_ID}
In-Reply-To: {OURS_ID}
X-Failed-Recipients: {THEIRS}
Message-ID: <655c.gmr@mx.google.com>
Date: Sat, 21 Nov 2026 09:58:00 -0000 (UTC)

--0000000000abc
Content-Type: multipart/related; boundary="0000000000def"

--0000000000def
Content-Type: multipart/alternative; boundary="0000000000ghi"

--0000000000ghi
Content-Type: text/plain; charset="UTF-8"

** Message blocked **

Your message to {THEIRS} has been blocked. See technical details below for more information.

The response from the remote server was:
550 5.7.1 [192.0.2.1 12] Our system has detected that this message is likely unsolicited mail.

--0000000000ghi
Content-Type: text/html; charset="UTF-8"

<html><body><p>Your message has been blocked.</p></body></html>

--0000000000ghi--
--0000000000def--
--0000000000abc
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.com
Arrival-Date: Sat, 21 Nov 2026 09:57:50 -0800 (PST)

Final-Recipient: rfc822; {THEIRS}
Action: failed
Status: 5.7.1
Remote-MTA: dns; mx.globex.example. (192.0.2.7, the server for the domain globex.example.)
Diagnostic-Code: smtp; 550-5.7.1 [192.0.2.1 12] Our system has detected that this message is
 likely unsolicited mail.

--0000000000abc
Content-Type: message/rfc822

{ORIGINAL}
--0000000000abc--
"""

GMAIL_DELAYED = (
    GMAIL.replace("Action: failed", "Action: delayed")
    .replace("Status: 5.7.1", "Status: 4.4.1")
    .replace("(Failure)", "(Delay)")
    .replace(f"X-Failed-Recipients: {THEIRS}\n", "")
)

QMAIL = f"""Return-Path: <>
Date: 21 Nov 2026 09:58:00 -0000
From: MAILER-DAEMON@mx.acme.example
To: {OWN}
Subject: failure notice
Message-ID: <qmail-1@mx.acme.example>

Hi. This is the qmail-send program at mx.acme.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{THEIRS}>:
192.0.2.7 does not like recipient.
Remote host said: 550 5.1.1 unknown user
Giving up on 192.0.2.7.

--- Below this line is a copy of the message.

{ORIGINAL}
"""

FULL = (
    POSTFIX.replace("5.1.1", "5.2.2")
    .replace("User unknown in", "mailbox is full,")
    .replace("User unknown", "full")
)

EXPIRED = (
    POSTFIX.replace("Status: 5.1.1", "Status: 4.4.1")
    .replace("550 5.1.1", "connect to mx.globex.example[192.0.2.7]:25: Connection timed out")
    .replace("Recipient address", "")
    .replace("User unknown in local recipient table", "")
)

COMPLAINT = f"""From: <fbl@mail.provider.example>
To: {OWN}
Subject: FW: Your warehouse
Date: Sat, 21 Nov 2026 09:58:00 +0000
Message-ID: <fbl-1@mail.provider.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="part1_13d.2e68ed54"

--part1_13d.2e68ed54
Content-Type: text/plain; charset="US-ASCII"

This is an email abuse report for an email message received from IP 192.0.2.1.

--part1_13d.2e68ed54
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <{OWN}>
Original-Rcpt-To: <{THEIRS}>

--part1_13d.2e68ed54
Content-Type: message/rfc822
Content-Disposition: inline

{ORIGINAL}
--part1_13d.2e68ed54--
"""

RECEIPT = f"""From: Jo Weil <{THEIRS}>
To: {OWN}
Subject: Read: Your warehouse
Message-ID: <mdn-1@globex.example>
Content-Type: multipart/report; report-type=disposition-notification; boundary="m"

--m
Content-Type: text/plain

Your message was read.

--m
Content-Type: message/disposition-notification

Final-Recipient: rfc822;{THEIRS}
Original-Message-ID: {OURS_ID}
Disposition: manual-action/MDN-sent-manually; displayed

--m--
"""
