"""The port of notifiers: what one is, what it needs, what it answers, and how a URL's scheme chooses one.

It owns the registry; it must not know any protocol, nor when and how often a message is tried.
"""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Protocol, TypeVar

from copytaster.errors import Permanent, Rejected, Transient, shown
from copytaster.guard import Guard
from copytaster.watches import Message

ANY_SCHEME = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbox:
    """What notifiers are made from; the composition root fills it from the configuration."""

    guard: Guard
    secret: str  # of this server: signs unsubscribe tokens
    smtp_url: str = "smtp://localhost:25"
    mail_from: str = "copytaster <copytaster@localhost>"
    heartbeat_url: str = ""  # our own page, which takes what the heartbeat's channel is told; empty: there is none
    public_url: str | None = None  # where people reach our web page; unset: mails carry no one-click unsubscribe


@dataclass(frozen=True, slots=True)
class Receipt:
    """The other side took the message; ``detail`` is its answer in one line, for the log of attempts."""

    detail: str
    seconds: float | None = None  # that the other side took, where we had it wait for something of our own before


class Gone(Permanent):
    """The receiver wants nothing more at this address: the channel is to be disabled and its owner told."""


class Bounced(Permanent):
    """The mail server says that there is no such mailbox: a channel that says so again and again is to be disabled."""


class NotTheirs(Transient):
    """No fault of the receiver's: our mail server is away, our login is wrong. No channel is switched off for it."""


class RelayAway(NotTheirs):
    """Our mail server does not answer or does not take us: every mail waits for the same thing, and none was tried."""


class NotTried(NotTheirs):
    """Nothing was sent nor asked: others of ours were before it. It goes back as it was, and nobody is blamed."""


class Notifier(Protocol):
    """One way to tell somebody; made once in a process, by its first use.

    Several threads send at once. A repeat of a message must look like the first try: only the id tells the receiver that
    it is one. ``send`` returns within 25 seconds whatever the other side does and however many others send: its lease is
    30.
    """

    def send(self, message: Message) -> Receipt:
        """Hand one message over. Raises ``Transient`` (try again; ``NotTheirs`` where the receiver can't help it), ``Permanent``
        (this message never will work; ``Bounced`` where the mailbox is not there) or ``Gone`` (none will).
        """
        ...

    def check(self, url: str) -> None:
        """Nothing, or ``Rejected("bad_channel")`` with a sentence for the person who typed the URL. Sends nothing."""
        ...

    def close(self) -> None:
        """Let go of connections; a later ``send`` opens them again."""
        ...


Factory = Callable[[Outbox], Notifier]
MadeBy = TypeVar("MadeBy", bound=Factory)
_registry: dict[str, Factory] = {}


def notifier(*schemes: str) -> Callable[[MadeBy], MadeBy]:
    """Class decorator: this notifier takes URLs of these schemes (``ANY_SCHEME``: all that nobody else takes)."""

    def register(factory: MadeBy) -> MadeBy:
        _registry.update(dict.fromkeys(schemes, factory))
        return factory

    return register


class Notifiers:
    """All notifiers over one outbox; nothing is imported, made or connected before it is needed."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._made: dict[Factory, Notifier] = {}

    def notifier_for(self, url: str) -> Notifier:
        """The notifier of the URL's scheme. Raises ``Rejected("bad_channel")`` where the text is no URL at all."""
        factory = _factory_for(url)
        if factory not in self._made:
            self._made[factory] = factory(self._outbox)
        return self._made[factory]

    def send(self, message: Message) -> Receipt:
        """Send by the channel's own notifier; raises what that one raises."""
        return self.notifier_for(message.channel.url).send(message)

    def check(self, url: str) -> None:
        """Raises ``Rejected("bad_channel")`` with a sentence where nothing could be sent to this URL."""
        self.notifier_for(url).check(url)

    def close(self) -> None:
        """Close every notifier that was made."""
        for each in self._made.values():
            each.close()
        self._made.clear()


def _factory_for(url: str) -> Factory:
    scheme, colon, _ = url.strip().partition(":")
    if not colon or not scheme[:1].isalpha() or not scheme.isascii() or any(mark in scheme for mark in "/?#@ "):
        raise Rejected("bad_channel", f"{shown(url, 80)} is no address; write mailto:you@example.org or https://…")
    _load_package()
    return _registry.get(scheme.lower()) or _registry[ANY_SCHEME]


@lru_cache(maxsize=1)
def _load_package() -> None:
    """Import each module beside this one, so that a notifier is added by adding its file."""
    package = __name__.rpartition(".")[0]
    for module in pkgutil.iter_modules(import_module(package).__path__, f"{package}."):
        import_module(module.name)
