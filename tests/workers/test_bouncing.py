"""Mails that come back: what real servers write, and what only looks like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.bouncing import Bounce, read

OURS = "msg_5d0c1f6f0a5e4b7c9a1e2d3f"
POSTFIX = """\
From: MAILER-DAEMON@mx.example.org (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: alerts@example.org
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B"
Message-Id: <20261123@mx.example.org>

--B
Content-Type: text/plain

I'm sorry to have to inform you …

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
X-Postfix-Queue-ID: 4F1

Final-Recipient: rfc822; reader@example.net
Original-Recipient: rfc822;reader@example.net
Action: {action}
Status: {status}
Remote-MTA: dns; mx.example.net
Diagnostic-Code: smtp; 550 5.1.1 <reader@example.net>: Recipient address rejected: User unknown in
    virtual mailbox table

--B
Content-Type: {kind}

From: alerts@example.org
Message-ID: <{ours}@example.org>
Subject: Fatemiyoun

--B--
"""


def mail(*, action="failed", status="5.1.1", kind="message/rfc822", ours=OURS):
    return POSTFIX.format(action=action, status=status, kind=kind, ours=ours).replace("\n", "\r\n").encode()


@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers"])
def test_a_notice_is_read_whether_the_mail_came_back_whole_or_its_headers_alone(kind):
    found = read(mail(kind=kind))
    assert (found.message_id, found.no_mailbox) == (OURS, True)
    assert found.why.startswith("The mail came back: 5.1.1 smtp")
    assert "\n" not in found.why


@pytest.mark.parametrize(
    ("status", "gone"), [("5.1.1", True), ("5.2.1", True), ("5.2.2", False), ("5.7.1", False), ("5.0.0", False)]
)
def test_only_an_address_that_is_not_there_counts_against_its_channel(status, gone):
    assert read(mail(status=status)).no_mailbox is gone


@pytest.mark.parametrize(
    "raw",
    [
        mail(action="delayed", status="4.4.1"),
        mail(action="failed", status="4.4.7"),
        mail(action="delivered", status="2.0.0"),
        mail(ours="somebody-elses-20261123"),
        f"Subject: Out of office\r\nIn-Reply-To: <{OURS}@example.org>\r\n\r\nBack on Monday.".encode(),
        b"",
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_failure_of_ours_is_nothing(raw):
    assert read(raw) is None


@pytest.mark.slow
def test_parts_within_parts_without_end_are_nothing():
    head = "".join(f'Content-Type: multipart/mixed; boundary="{n}"\n\n--{n}\n' for n in range(20_000))
    assert read(head.encode()) is None


@given(st.binary(max_size=400), st.integers(0, len(mail())))
def test_no_bytes_break_the_reading(junk, at):
    found = read(mail()[:at] + junk + mail()[at:])
    assert found is None or isinstance(found, Bounce)
