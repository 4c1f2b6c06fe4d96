"""The bytes of a mail, the same at each attempt: headers, boundary and date all come from the message itself.

It owns the wire form of a mail; it must not know its wording nor which server takes it.
"""

import base64
import datetime as dt
import hashlib
import re
from email.utils import format_datetime, formataddr, parseaddr

from workers.notifiers.render import Rendered, one_line

# Written by hand, not by EmailMessage: that encodes a List-Unsubscribe address of more than 78 characters as RFC 2047
# words, which no mailbox provider reads, folds differently in each Python, and takes 7 ms a mail (this: 0.1).
_WORD_BYTES = 42  # 56 characters of base64 in a frame of 12, and "Subject: " before the first: lines stay below 78
_ATOM = re.compile(r"[^A-Za-z0-9._-]+")


def compose(
    message_id: str,
    rendered: Rendered,
    *,
    sender: str,
    recipient: str,
    created_at: dt.datetime,
    unsubscribe_url: str | None,
) -> bytes:
    """A multipart mail with CRLF line ends and nothing but ASCII in it."""
    name, address = parseaddr(sender)
    fields = [
        ("From", _sender(one_line(name, 100), address)),
        ("To", recipient),
        ("Subject", _words(rendered.subject)),
        ("Date", format_datetime(created_at.astimezone(dt.UTC))),
        ("Message-ID", f"<{_ATOM.sub('-', message_id)}@{address.rpartition('@')[2] or 'localhost'}>"),
        ("Auto-Submitted", "auto-generated"),
        *_unsubscribe(unsubscribe_url, address),
    ]
    boundary = "=_" + hashlib.sha256(message_id.encode()).hexdigest()[:40]
    head = "".join(f"{key}: {value}\r\n" for key, value in fields)
    kind = f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{boundary}"\r\n'
    parts = _part("plain", rendered.text, boundary) + _part("html", rendered.html, boundary)
    return f"{head}{kind}\r\n{parts}--{boundary}--\r\n".encode("ascii")


def _unsubscribe(url: str | None, address: str) -> list[tuple[str, str]]:
    """RFC 8058 where there is a web page to take the click; else a mail to the sender, which a person reads."""
    if url is None:
        return [("List-Unsubscribe", f"<mailto:{address}?subject=unsubscribe>")]
    return [("List-Unsubscribe", f"<{url}>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")]


def _sender(name: str, address: str) -> str:
    return formataddr((name, address)) if name.isascii() else f"{_words(name)} <{address}>"


def _words(text: str) -> str:
    """A header's text by RFC 2047, cut between characters, each word on a line of its own."""
    if text.isascii() and len(text) < 65 and "=?" not in text:
        return text
    words, chunk = [], b""
    for character in text:
        encoded = character.encode("utf-8", "replace")
        if len(chunk) + len(encoded) > _WORD_BYTES:
            words.append(chunk)
            chunk = b""
        chunk += encoded
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(word).decode()}?=" for word in (*words, chunk))


def _part(subtype: str, text: str, boundary: str) -> str:
    """Base64 for all: no line is too long, no dot needs stuffing, no relay mends a character."""
    body = base64.encodebytes(text.encode("utf-8", "replace")).decode().replace("\n", "\r\n")
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: base64\r\n'
    return f"--{boundary}\r\n{head}\r\n{body}\r\n"
