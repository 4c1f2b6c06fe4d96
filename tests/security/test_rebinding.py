"""Names that turn to loopback between two askings, by a real name server: nothing of ours is led there."""

import json
import os
import subprocess
import sys

import pytest
from sqlalchemy import select
from werkzeug import Response

from copytaster.store import schema
from tests.scrapers.conftest import PREPARE, PROGRAM, ROOT, rss
from tests.security import names
from tests.security.canary import ALLOWED
from tests.security.test_ssrf_crawl import world  # noqa: F401  a fixture

pytestmark = [pytest.mark.slow, pytest.mark.service]
SEND = """
import datetime as dt, socket, sys
from copytaster.errors import CopytasterError
from copytaster import outbound
from copytaster.guard import Guard
from copytaster.watches import Channel, Message
from workers.notifiers import Notifiers, Outbox
port, allowed = sys.argv[1:]
guard = Guard([allowed])
notifiers = Notifiers(Outbox(guard=guard, secret="s"))
payload = {"type": "copytaster.notice", "id": "m", "timestamp": "", "kind": "notice", "title": "A", "text": "B", "items": []}
for number in range(12):
    for url in ("http://a{}.rebind.test:{}/", "json://b{}.rebind.test:{}/", "xml://b{}.rebind.test:{}/", "mqtt://c{}.rebind.test:{}/t"):
        channel = Channel(id="c", owner_id="o", url=url.format(number % 5, port), secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        try:
            notifiers.check(channel.url)
        except CopytasterError:
            pass
        try:
            print(notifiers.send(Message(id="m", channel=channel, payload=payload, created_at=dt.datetime.now(dt.UTC))))
        except CopytasterError as error:
            print(error)
    with outbound.client(guard) as client:
        try:
            print(outbound.get(client, f"http://d{number % 5}.rebind.test:{port}/").status)
        except CopytasterError as error:
            print(error)
"""


@pytest.fixture
def asked(tmp_path):
    if not names.possible():
        pytest.skip("only root can have a resolv.conf of its own")
    with names.serving() as asked:
        yield asked


def run(command, folder, **settings):
    environ = {**os.environ, **settings, "PYTHONPATH": str(ROOT), "COPYTASTER_DATA_DIR": str(folder)}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        names.behind([sys.executable, "-c", *command], str(folder)),
        check=False,
        env=environ,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_no_message_follows_a_name_to_loopback(asked, unreached, tmp_path):
    said = run([SEND, str(unreached.port), ALLOWED], tmp_path)
    assert len(asked) > 30
    assert "127.0.0.1, which is not a public address" in said
    assert "Traceback" not in said


def test_no_crawl_follows_a_name_to_loopback(asked, unreached, outside, world):  # noqa: F811  the fixture
    """The site that is permitted listens on the canary's port: what is asked for goes to one of the two."""
    outside.expect_request("/robots.txt").respond_with_data("", status=404)
    links = [f"http://a{number}.rebind.test:{outside.port}/{number}" for number in range(20)]
    outside.expect_request("/feed.xml").respond_with_response(Response(rss(*links).body, content_type="application/rss+xml"))
    feeds = [("feed", f"http://f{number}.rebind.test:{outside.port}/feed.xml") for number in range(20)]
    canary = [("feed", f"http://c{number}.rebind.test:{unreached.port}/feed.xml") for number in range(20)]
    world.source(f"http://rebind.test:{outside.port}/", *feeds, *canary)
    settings = {
        "GUARD__ALLOW": json.dumps([ALLOWED]),
        "CRAWL__DELAY_SECONDS": "0",
        "CRAWL__RUN_SECONDS": "15",
        "CRAWL__TIMEOUT_SECONDS": "5",
    }
    run([PREPARE + PROGRAM], world.folder, **{f"COPYTASTER_{name}": value for name, value in settings.items()})
    with world.store.read() as tx:
        errors = [row.last_error or "" for row in tx.conn.execute(select(schema.endpoints))]
        read = [row.read_at for row in tx.conn.execute(select(schema.endpoints)) if row.read_at]
    assert len(asked) >= 30
    assert read  # the permitted answers were used
    assert any("127.0.0.1, which is not a public address" in error for error in errors)
