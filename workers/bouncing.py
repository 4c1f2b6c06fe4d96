"""Mails that come back (RFC 3464): which of our messages they are about, and whether the mailbox is gone. Pure.

It owns the form of delivery status notifications; it must not know what a bounce does to a message or its channel.
"""

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message as Mail

from copytaster.watches import MessageId

MOST_BYTES = 1_000_000
_OURS = re.compile(r"<(msg_[A-Za-z0-9_-]{8,64})@[^>\s]+>")
_GONE = re.compile(r"5\.(1\.\d+|2\.1)$")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Bounce:
    """``no_mailbox``: there is no such address (5.1.x) or it is closed (5.2.1), not full, filtered or unreachable."""

    message_id: MessageId
    why: str
    no_mailbox: bool


def read(raw: bytes) -> Bounce | None:
    """None for whatever is no notice of a mail of ours that failed for good: a delay, an answering machine, junk."""
    try:
        mail = email.message_from_bytes(raw[:MOST_BYTES], policy=email.policy.compat32)
        failed = next((fields for fields in _recipients(mail) if _word(fields, "action") == "failed"), None)
        found = _original(mail)
    except RecursionError:  # parts within parts within parts: no mail server writes that
        return None
    if failed is None or found is None or not _word(failed, "status").startswith("5"):
        return None
    status, said = _word(failed, "status"), _SPACE.sub(" ", str(failed.get("diagnostic-code", ""))).strip()[:300]
    return Bounce(found, f"The mail came back: {status} {said}".strip(), bool(_GONE.match(status)))


def _recipients(mail: Mail) -> Iterator[Mail]:
    """The groups of fields of message/delivery-status, each of which Python reads as a message of its own."""
    for part in mail.walk():
        if part.get_content_type() == "message/delivery-status" and isinstance(part.get_payload(), list):
            yield from (each for each in part.get_payload() if isinstance(each, Mail))


def _original(mail: Mail) -> MessageId | None:
    """By the mail that came back or its headers; a server that sends neither may still answer by thread."""
    texts = [f"{mail.get('in-reply-to', '')} {mail.get('references', '')}"]
    for part in mail.walk():
        if part.get_content_type() == "text/rfc822-headers":
            texts.insert(0, str(part.get_payload()))
        elif part is not mail:
            texts.insert(0, str(part.get("message-id", "")))
    found = next((found for text in texts if (found := _OURS.search(text))), None)
    return MessageId(found[1]) if found else None


def _word(fields: Mail, name: str) -> str:
    return str(fields.get(name, "")).split(";")[0].strip().split(" ")[0].lower()
