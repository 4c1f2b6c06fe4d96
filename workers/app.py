"""The Celery app and the hints that travel over it. A message says only *there is work of this kind*.

It owns broker settings that were measured to matter; it must not know what a stage does.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from kombu.transport import redis, virtual
from redis.exceptions import RedisError

from copytaster import metrics
from copytaster.config import Config

STAGES = ("ingest", "deliver", "index")
# A hint is asked for once and quickly: by itself kombu tries for 12 s where nothing listens, and waits 30 s for one that
# hangs.
ASKING = {"max_retries": 0, "socket_timeout": 3, "socket_connect_timeout": 2}
TASK_SECONDS = 25  # below every lease, so that a task that hangs is dead before its row is given to another
log = logging.getLogger("copytaster.broker")


class Places(redis.QoS):  # type: ignore[misc, unused-ignore]
    """The places for messages that are being worked on, which come free though the broker can't be told.

    kombu keeps the place of a message whose acknowledgement failed. Where a killed Redis was back before the consumer had
    missed it, all places of a worker stayed taken, and it rested for ever beside 65 pages (like celery's issue 10302). The
    message itself may come again: a hint may.
    """

    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call, unused-ignore]
        except Exception:
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call, unused-ignore]
            raise

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue)  # type: ignore[no-untyped-call, unused-ignore]
        except Exception:
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call, unused-ignore]
            raise


redis.Channel.QoS = Places  # kombu has no setting for it


def make_app(config: Config, *, transport: Mapping[str, Any] | None = None) -> Celery:
    """The app over the configured broker; it connects when it is first used. ``transport``: options that differ."""
    app = Celery("copytaster", broker=config.redis_url, set_as_current=False)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_time_limit=TASK_SECONDS,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue="ingest",
        task_routes={f"copytaster.{stage}": {"queue": stage} for stage in STAGES},
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        worker_soft_shutdown_timeout=5.0,
        worker_max_tasks_per_child=5_000,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,  # a Redis whose disk is full refuses each read; without this the worker ends for it
        broker_transport_options={
            "visibility_timeout": 120,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,  # the default looks for lost messages only every 100 s
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
            **(transport or {}),
        },
    )
    return app


class Hints:
    """Sends hints and never fails: the reconciler finds what a lost one left.

    ``hints(stage)`` is safe in any thread. Within ``every_seconds`` the first goes at once and the rest become one at the
    end of it: whoever gets a hint drains the whole stage. ``broker_up`` is the outcome of the last try.
    """

    def __init__(self, config: Config, *, every_seconds: float = 0.4) -> None:
        self._app = make_app(config, transport=ASKING)
        self._every_seconds = every_seconds
        self._sent: dict[str, float] = {}
        self._late: set[str] = set()  # stages whose hint is on its way at the end of the span
        self._lock = threading.Lock()
        self._asking: Any = None  # a kombu connection, opened when it is first needed
        self.broker_up = True

    def __call__(self, stage: str) -> None:
        with self._lock:
            if stage in self._late:
                return
            now = time.monotonic()
            wait = self._sent.get(stage, -1.0) + self._every_seconds - now
            if wait > 0:
                self._late.add(stage)
                timer = threading.Timer(wait, self._send_late, (stage,))
                timer.daemon = True
                timer.start()
                return
            self._sent[stage] = now
        self.send(stage)

    def _send_late(self, stage: str) -> None:
        with self._lock:
            self._late.discard(stage)
            self._sent[stage] = time.monotonic()
        self.send(stage)

    def send(self, stage: str) -> None:
        try:
            self._app.send_task(f"copytaster.{stage}", retry=False)
            self.broker_up = True
        except (OperationalError, OSError, ValueError) as error:  # the last where redis.url is no URL
            metrics.HINTS_LOST.inc()
            if self.broker_up:
                log.warning("the broker can't be reached, so work waits for the reconciler: %s", error)
            self.broker_up = False

    def depth(self, stage: str) -> int | None:
        """How many hints wait for a stage; None where the broker can't be asked. For one thread at a time."""
        try:
            # Kept open: connecting takes 10 ms, and this is asked every few seconds for ever.
            self._asking = self._asking or self._app.connection_for_read()
            found = self._asking.default_channel.client.llen(stage)
        except (OperationalError, OSError, ValueError, RedisError):  # ValueError where redis.url is no URL
            self.broker_up, self._asking = False, None
            return None
        self.broker_up = True
        return int(found)


Hint = Callable[[str], None]
