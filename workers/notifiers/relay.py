"""The talk with a mail server: one connection kept for a burst, every answer told apart into later or never.

It owns SMTP and its TLS; it must not know what is in a mail, whom it concerns or when it is tried again.
"""

import contextlib
import io
import re
import smtplib
import socket
import ssl
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from copytaster.errors import Permanent, Rejected, Transient
from workers.notifiers.no_mailbox import says_no_mailbox
from workers.notifiers.port import Bounced, NotTheirs, RelayAway

TOTAL_SECONDS = 15.0  # for one mail, all steps together
IDLE_SECONDS = 5.0  # a connection is kept this long for the next mail of a burst
# What the server says of our login or of TLS is no mailbox's fault, so mails wait until the operator has mended it.
_LOGIN = frozenset({454, 530, 534, 535, 538})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HINT = "check mail.url in the configuration and that the server runs"
_SPACE = re.compile(r"\s+")
_PIECE = 16_384


@dataclass(frozen=True, slots=True)
class Relay:
    """Which mail server, by URL: ``smtp://[user:password@]host[:587]`` (STARTTLS when offered) or ``smtps://…[:465]``.

    With a login on another machine TLS is a must and its certificate is checked; ``?verify=no`` trusts any.
    """

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password: str = ""
    verify: bool = True

    @classmethod
    def of(cls, url: str) -> "Relay":
        """Raises ``Rejected("no_mail_server")`` with what to write instead."""
        example = "write it as smtp://user:password@host:587, or smtps:// for TLS from the first byte"
        if not url:
            raise Rejected("no_mail_server", f"No mail server is configured; set mail.url: {example}.")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if host is None or parts.scheme not in ("smtp", "smtps"):
            raise Rejected("no_mail_server", f"mail.url names no mail server; {example}.")
        tls = parts.scheme == "smtps"
        user = unquote(parts.username) if parts.username else None
        verify = parse_qs(parts.query).get("verify", ["yes"])[-1] not in ("no", "false", "0")
        return cls(host, port or (465 if tls else 587 if user else 25), tls, user, unquote(parts.password or ""), verify)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        return self.host in _LOOPBACK

    def context(self) -> ssl.SSLContext:
        """Without a login TLS is only taken when offered, so a strange certificate is better than none at all."""
        context = ssl.create_default_context()
        if not self.verify or self.is_local or (self.user is None and not self.tls):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class Line:
    """An open connection to the relay, for one thread at a time."""

    def __init__(self, relay: Relay, our_name: str) -> None:
        self._relay = relay
        self._our_name = our_name
        self._smtp: _Timed | None = None
        self._used_at = 0.0

    def send(self, sender: str, recipient: str, data: bytes) -> str:
        """Hand one mail over and give the server's answer. Raises ``Transient`` or ``Permanent``."""
        smtp: _Timed | None = None
        try:
            smtp = self._open()
            return smtp.hand_over(sender, recipient, data)
        except _NoMailbox as error:
            raise Bounced(f"The mail server says that there is no mailbox {recipient}: {_said(error)}") from None
        except smtplib.SMTPSenderRefused as error:
            raise self._refusal_of_us(error, f"our sender {sender}") from None
        except smtplib.SMTPResponseException as error:
            raise self._refusal(error, recipient) if smtp else self._refusal_of_us(error, "our call") from None
        except (smtplib.SMTPException, OSError) as error:
            known = self._smtp is not None
            self.hang_up()
            raise self._broken(error, known=known) from error
        finally:
            self._used_at = time.monotonic()

    def hang_up(self) -> None:
        """Close without ceremony; what was handed over is the server's already."""
        if self._smtp:
            self._smtp.close()
            self._smtp = None

    def _open(self) -> "_Timed":
        until = time.monotonic() + TOTAL_SECONDS
        if self._smtp and self._is_fresh(self._smtp, until):
            return self._smtp
        self.hang_up()
        self._smtp = self._connect(until)
        return self._smtp

    def _is_fresh(self, smtp: "_Timed", until: float) -> bool:
        """RSET asks whether the server is still there, before a mail whose loss could not be told from a repeat."""
        if time.monotonic() - self._used_at > IDLE_SECONDS:
            return False
        with contextlib.suppress(smtplib.SMTPException, OSError):
            smtp.until = until
            return bool(smtp.rset()[0] == 250)
        return False

    def _connect(self, until: float) -> "_Timed":
        relay = self._relay
        smtp = _Timed(relay, until, self._our_name)
        try:
            smtp.ehlo_or_helo_if_needed()
            if not relay.tls and smtp.has_extn("starttls"):
                smtp.starttls(context=relay.context())
                smtp.ehlo_or_helo_if_needed()  # RFC 3207: what was said before TLS is forgotten
            if relay.user:
                _no_password_in_clear(relay, smtp)
                smtp.login(relay.user, relay.password)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _refusal(self, error: smtplib.SMTPResponseException, recipient: str) -> Transient | Permanent:
        said = _said(error)
        if error.smtp_code in _LOGIN:
            return RelayAway(f"The mail server {self._relay} wants another login ({said}); mend mail.url.")
        if 500 <= error.smtp_code < 600:
            return Permanent(f"The mail server refused the mail to {recipient} for good: {said}")
        return Transient(f"The mail server {self._relay} puts the mail to {recipient} off: {said}")

    def _refusal_of_us(self, error: smtplib.SMTPResponseException, what: str) -> Transient:
        """No mailbox's fault: a login, greeting or sender that is wrong for one mail is wrong for all, so all wait."""
        return RelayAway(f"The mail server {self._relay} refuses {what} ({_said(error)}); mend mail.url or mail.sender.")

    def _broken(self, error: Exception, *, known: bool) -> Transient:
        if isinstance(error, ssl.SSLError):
            return RelayAway(f"TLS with the mail server {self._relay} failed ({error.reason or error}); {_HINT}.")
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return RelayAway(f"The mail server {self._relay} takes no login; leave user and password out of mail.url.")
        if known:
            return NotTheirs(f"The mail server {self._relay} broke off or fell silent; the same mail is sent again later.")
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return RelayAway(f"No mail server answers at {self._relay} ({said}); {_HINT}.")


def _said(error: smtplib.SMTPResponseException) -> str:
    answer = error.smtp_error
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    return f"{error.smtp_code} {_SPACE.sub(' ', text).strip()[:300]}"


def _no_password_in_clear(relay: Relay, smtp: smtplib.SMTP) -> None:
    if not relay.is_local and not isinstance(smtp.sock, ssl.SSLSocket):
        raise RelayAway(f"The mail server {relay} offers no TLS, so no password is sent; use smtps:// or mend it.")


class _NoMailbox(smtplib.SMTPResponseException):
    """What RCPT was answered; with 5.7.1 (relaying, blocklists) or 5.2.2 (full) the mailbox may well be there."""


class _Timed(smtplib.SMTP):
    """``smtplib.SMTP`` with one deadline over all its steps, where it has a timeout for each."""

    def __init__(self, relay: Relay, until: float, our_name: str) -> None:
        self.until = until
        self._relay = relay
        super().__init__(local_hostname=our_name, timeout=TOTAL_SECONDS)  # our name given: getfqdn() may ask DNS for seconds
        self._host = relay.host  # for the certificate's check
        code, answer = self.connect(relay.host, relay.port)
        if code != 220:
            self.close()
            raise smtplib.SMTPConnectError(code, answer)

    def hand_over(self, sender: str, recipient: str, data: bytes) -> str:
        """One mail to one mailbox; the answer to its data. Raises ``SMTPResponseException`` and ``OSError``."""
        options = [f"size={len(data)}"] if self.has_extn("size") else []
        code, answer = self.mail(sender, options)
        if code // 100 == 5 and code not in _LOGIN and code != 552:  # 552: this one mail is too big
            self.rset()
            raise smtplib.SMTPSenderRefused(code, answer, sender)
        self._expect((code, answer))
        code, answer = self.rcpt(recipient)
        if says_no_mailbox(code, answer.decode("utf-8", "replace")):
            self.rset()
            raise _NoMailbox(code, answer)
        self._expect((code, answer))
        return self._expect(self.data(data)).decode("utf-8", "replace")[:300]

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self.file = io.BufferedReader(_Replies(self))
        return super().getreply()

    def send(self, s: Any) -> None:
        """In pieces, for TLS begins its timeout anew with every 16 kB."""
        data = s.encode(self.command_encoding) if isinstance(s, str) else bytes(s)
        for start in range(0, len(data), _PIECE):
            self.wind_up()
            super().send(data[start : start + _PIECE])

    def wind_up(self) -> None:
        """The next step may take what is left of the time, be it only to wait for one byte of an answer."""
        if self.sock:
            self.sock.settimeout(_left(self.until))

    def _get_socket(self, host: str, port: int, _: float) -> Any:
        plain = _dialled(host, port, self.until)
        try:
            plain.settimeout(_left(self.until))
            return self._relay.context().wrap_socket(plain, server_hostname=host) if self._relay.tls else plain
        except BaseException:
            plain.close()
            raise

    def _expect(self, reply: tuple[int, bytes]) -> bytes:
        code, answer = reply
        if code // 100 == 2:
            return answer
        if code == 421:
            self.close()
        else:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                self.rset()
        raise smtplib.SMTPResponseException(code, answer)


class _Replies(io.RawIOBase):
    """What the server says, each piece of it within the mail's own deadline.

    A socket's timeout begins anew with every byte that comes, so a server that dripped its answer held a mail for ever.
    """

    def __init__(self, smtp: _Timed) -> None:
        super().__init__()
        self._smtp = smtp

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._smtp.wind_up()
        return self._smtp.sock.recv_into(buffer) if self._smtp.sock else 0


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("it took too long")
    return left


def _dialled(host: str, port: int, until: float) -> socket.socket:
    """The first of the host's addresses that answers, all of them within one time."""
    failure: OSError | None = None
    for *_, address in _found(host, port, until):
        try:
            return socket.create_connection(address[:2], _left(until))
        except OSError as error:
            failure = failure or error
    raise failure or OSError("it has no address")


def _found(host: str, port: int, until: float) -> list[Any]:
    """The system's resolver, asked in a thread that may be left behind: it waits for a dead name server for minutes."""
    answer: Future[list[Any]] = Future()

    def ask() -> None:
        try:
            answer.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.set_exception(error if isinstance(error, OSError) else OSError(str(error)))

    threading.Thread(target=ask, daemon=True).start()
    return answer.result(_left(until))
