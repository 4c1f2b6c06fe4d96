"""How people are told: one file for each way, chosen by the scheme of a channel's URL.

It owns the wire formats; it must not know the store, the schedule or who is owed what.
"""

from workers.notifiers.port import (
    ANY_SCHEME,
    Bounced,
    Gone,
    Notifier,
    Notifiers,
    NotTheirs,
    NotTried,
    Outbox,
    Receipt,
    RelayAway,
    notifier,
)

__all__ = [
    "ANY_SCHEME",
    "Bounced",
    "Gone",
    "NotTheirs",
    "NotTried",
    "Notifier",
    "Notifiers",
    "Outbox",
    "Receipt",
    "RelayAway",
    "notifier",
]
