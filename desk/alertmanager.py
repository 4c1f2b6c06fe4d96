"""Alertmanager's webhook: its alerts about copytaster itself become notices to the operator, through the usual outbox.

It owns the shape of what Alertmanager posts and the words of the notice; what an alert means stands in deploy/runbook.md.
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, ValidationError

from copytaster.errors import Rejected
from copytaster.store import Tx, messages, watches
from copytaster.watches import MessageId
from workers.packing import notify

REPEAT_SECONDS = 3_600  # the same news is told once in so long, however often it is posted
MOST_ALERTS = 20  # told in one notice; the others are counted
MOST_LINE = 500
MOST_BYTES = 1_000_000

Word = Annotated[str, StringConstraints(max_length=10_000)]
Status = Literal["firing", "resolved"]
Moment = Annotated[AwareDatetime, Field(ge=dt.datetime(2000, 1, 1, tzinfo=dt.UTC), lt=dt.datetime(3000, 1, 1, tzinfo=dt.UTC))]


class Alert(BaseModel):
    """One alert of a group, since when, with what its rule says of it."""

    status: Status
    labels: dict[Word, Word]
    annotations: dict[Word, Word] = {}
    starts_at: Moment = Field(alias="startsAt")
    fingerprint: Word = ""

    @property
    def name(self) -> str:
        return self.labels.get("alertname", "an alert without a name")


class Notification(BaseModel):
    """What Alertmanager posts for one group, in version 4 of its format; keys that are not used here are let through."""

    version: Literal["4"]
    group_key: Word = Field(alias="groupKey", min_length=1)
    status: Status
    alerts: Annotated[list[Alert], Field(min_length=1, max_length=10_000)]
    truncated: int = Field(0, alias="truncatedAlerts", ge=0)

    @property
    def key(self) -> str:
        """The same for each repeat of the same news: its group, and which alerts of it fire or ended, each since when."""
        told = sorted((each.fingerprint or str(sorted(each.labels.items())), each.status, each.starts_at) for each in self.alerts)
        return f"{self.group_key}\n{self.status}\n{told}"


def authorized(header: str | None, token: str) -> bool:
    """Whether the header bears the token; compared in constant time."""
    scheme, _, given = (header or "").partition(" ")
    return bool(token) and scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def read(body: bytes) -> Notification:
    """Raises Rejected("bad_alert") with the first thing that is wrong."""
    try:
        return Notification.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the body"
        raise Rejected("bad_alert", f"This is no notification of an Alertmanager: {place}: {first['msg']}.") from None


def tell(tx: Tx, news: Notification, to: Sequence[str]) -> int:
    """Puts one notice for each address into the outbox; returns how many were new. Raises Rejected where all are switched off."""
    told_to = watches.operator_channels(tx, to)
    if not told_to:
        raise Rejected("nobody_told", "All of operator.to is switched off; `copytaster channel list` says why.")
    title, text = words(news)
    told = 0
    for channel in told_to:
        since = min(each.starts_at for each in news.alerts)
        this, before = (_id(channel.id, news.key, since, at) for at in (tx.now, tx.now - dt.timedelta(seconds=REPEAT_SECONDS)))
        if not _told_lately(tx, before):
            told += notify(tx, channel, title, text, message_id=this)
    return told


def _id(channel_id: str, key: str, since: dt.datetime, now: dt.datetime) -> MessageId:
    """One for each reminder: it changes once in ``REPEAT_SECONDS``, counted from the first alert's start."""
    number = int((now - since).total_seconds() // REPEAT_SECONDS)
    digest = hashlib.sha256(f"{channel_id}\n{number}\n{key}".encode()).hexdigest()
    return MessageId(f"msg_{digest[:24]}")


def _told_lately(tx: Tx, message_id: MessageId) -> bool:
    """Posted again just after the number changed, it is still no reminder."""
    row = messages.get(tx, message_id)
    return row is not None and (tx.now - row["created_at"]).total_seconds() < REPEAT_SECONDS


def words(news: Notification) -> tuple[str, str]:
    """Title and text of the notice: what fires before what ended, the gravest first."""
    alerts = sorted(news.alerts, key=_weight)
    names = list(dict.fromkeys(each.name for each in alerts))
    what = f"{names[0]}" if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    over = len(alerts) - MOST_ALERTS
    unsaid = max(over, 0) + news.truncated
    lines = [line for each in alerts[:MOST_ALERTS] for line in _lines(each)]
    more = [f"… and {unsaid} more."] if unsaid else []
    return f"{'Firing' if news.status == 'firing' else 'Resolved'}: {what}"[:MOST_LINE], "\n".join([*lines, *more])


def _weight(alert: Alert) -> tuple[bool, int, str, dt.datetime]:
    order = ("critical", "warning", "info")
    severity = alert.labels.get("severity", "")
    grave = order.index(severity) if severity in order else len(order)
    return alert.status == "resolved", grave, alert.name, alert.starts_at


def _lines(alert: Alert) -> list[str]:
    said = alert.annotations
    severity = alert.labels.get("severity", "no severity")
    since = f"since {alert.starts_at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
    state = f"{severity}, {since}" if alert.status == "firing" else "resolved"
    first = f"{alert.name} ({state}): {said.get('summary', 'it says no more.')}"
    rest = [said[key] for key in ("description", "runbook") if key in said] if alert.status == "firing" else []
    return [each[:MOST_LINE] for each in (first, *rest)]
