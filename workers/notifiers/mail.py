"""Mail to a mailbox: the notifier of ``mailto:`` channels.

It owns which addresses are taken; it must not know wording (render), bytes (mime) or SMTP (relay).
"""

import re
from collections import deque
from email.utils import parseaddr
from urllib.parse import unquote

from copytaster.errors import Rejected, shown
from copytaster.watches import Message
from workers.notifiers import mime, render
from workers.notifiers.port import Outbox, Receipt, RelayAway, notifier
from workers.notifiers.relay import Line, Relay

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


@notifier("mailto")
class Mail:
    """One mail a message; a repeat is the same to the byte, Message-ID and all."""

    def __init__(self, outbox: Outbox) -> None:
        self._from = outbox.mail_from
        self._address = parseaddr(outbox.mail_from)[1] or "copytaster@localhost"
        self._url = outbox.smtp_url
        # Lines that nobody speaks on. Each thread that sends has one to itself: threads that queued for a single line of a
        # slow server outlived their leases, and the same mails went out again and again.
        self._free: deque[Line] = deque()
        self._closed = False

    def send(self, message: Message) -> Receipt:
        """Hand one mail to the server; without a server it waits, for the operator may still name one."""
        recipient = mailbox(message.channel.url)
        data = self.compose(message, recipient)
        line = self._open()
        try:
            return Receipt(line.send(self._address, recipient, data))
        finally:
            self._put_back(line)

    def compose(self, message: Message, recipient: str) -> bytes:
        """The whole mail, from nothing but the message and our own address."""
        return mime.compose(
            message.id,
            render.render(message.payload, contact=self._address),
            sender=self._from,
            recipient=recipient,
            created_at=message.created_at,
            unsubscribe_url=message.payload.get("unsubscribe_url"),
        )

    def check(self, url: str) -> None:
        """The address is one mailbox, and a mail server is configured."""
        mailbox(url)
        try:
            Relay.of(self._url)
        except Rejected as error:
            raise Rejected("bad_channel", str(error)) from None

    def close(self) -> None:
        """Leave the server; a mail that is on its way just now leaves it when it is through."""
        self._closed = True
        while self._free:
            self._free.pop().hang_up()

    def _open(self) -> Line:
        self._closed = False
        try:
            return self._free.pop()  # the one used last: of several it is the likeliest to be open still
        except IndexError:
            pass
        try:
            return Line(Relay.of(self._url), self._address.rpartition("@")[2])
        except Rejected as error:
            raise RelayAway(str(error)) from None

    def _put_back(self, line: Line) -> None:
        self._free.append(line)
        if self._closed:
            self.close()


def mailbox(url: str) -> str:
    """The one mailbox of a ``mailto:`` URL, its domain in ASCII. Raises ``Rejected("bad_channel")``."""
    address = unquote(url.strip().partition(":")[2].partition("?")[0]).strip()
    known = "This" if ":" in address else shown(address, 80)  # user:password@host is told to nobody
    if "," in address:
        raise Rejected("bad_channel", f"{known} names several mailboxes; give one mailto: for each.")
    local, _, domain = address.rpartition("@")
    host = _ascii(domain)
    if not (0 < len(local) <= 64 and _LOCAL.fullmatch(local) and _HOST.fullmatch(host) and len(host) <= 253):
        raise Rejected("bad_channel", f"{known} is no mail address that can be sent to; check its spelling.")
    return f"{local}@{host}"


def _ascii(domain: str) -> str:
    import ada_url

    try:
        return domain if domain.isascii() else ada_url.idna_to_ascii(domain).decode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return ""
