"""The local receivers take what real ones would, and acknowledge only what they noted."""

import datetime as dt
import queue
import smtplib
import socket
from email.message import EmailMessage
from pathlib import Path
from typing import NoReturn

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from desk.sinks import MailSink, Received, SinkProcess, WebhookSink, read_log

SECRET = "whsec_" + "c2VjcmV0LW9mLXRoZS10ZXN0cy0wMTIzNDU2Nzg5"
PAYLOAD = '{"type":"alert","items":[1,2],"title":"ناوگان"}'


def letter(ident: str = "one@copytaster.example") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = "desk@copytaster.example", "watcher@sink.example"
    mail["Subject"], mail["Message-ID"] = "Катаиб in the news", f"<{ident}>"
    mail.set_content("A line that begins with a dot\n.\n.. and goes on: فاطميون\n")
    return mail


def signed(body: str = PAYLOAD, ident: str = "msg_1", at: dt.datetime | None = None) -> dict[str, str]:
    at = at or dt.datetime.now(dt.UTC)
    signature = Webhook(SECRET).sign(ident, at, body)
    return {"webhook-id": ident, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def send(sink_url: str, mail: EmailMessage) -> None:
    host, port = sink_url.removeprefix("smtp://").split(":")
    with smtplib.SMTP(host, int(port)) as smtp:
        smtp.send_message(mail)


def post(url: str, headers: dict[str, str], body: str = PAYLOAD) -> int:
    return httpx.post(url, content=body.encode(), headers=headers).status_code


def test_a_mail_arrives_whole_with_its_id_and_instant() -> None:
    got: queue.Queue[Received] = queue.Queue()
    with MailSink(got.put) as sink:
        before = dt.datetime.now(dt.UTC)
        send(sink.url, letter())
        taken = got.get(timeout=30)
    assert (taken.kind, taken.id, taken.recipients) == ("mail", "one@copytaster.example", ("watcher@sink.example",))
    assert before <= taken.received_at <= dt.datetime.now(dt.UTC)
    assert taken.mail()["subject"] == "Катаиб in the news"
    assert taken.mail().get_content().replace("\r\n", "\n") == letter().get_content()


def test_several_mails_in_one_session_are_taken_one_by_one() -> None:
    got: queue.Queue[Received] = queue.Queue()
    with MailSink(got.put) as sink, smtplib.SMTP(sink.host, sink.port) as smtp:
        for ident in ("a@x.example", "b@x.example"):
            smtp.send_message(letter(ident))
        smtp.rset()
        assert smtp.noop()[0] == 250
    assert [got.get(timeout=30).id for _ in range(2)] == ["a@x.example", "b@x.example"]


def test_a_session_left_open_does_not_hold_up_the_stop() -> None:
    sink = MailSink(lambda _: None).start()
    with socket.create_connection((sink.host, sink.port), timeout=30) as left_open:
        assert left_open.recv(100).startswith(b"220 ")
        sink.stop()
        assert left_open.recv(100) == b""


def fail(_: Received) -> NoReturn:
    raise OSError("the disk is full")


def test_what_could_not_be_noted_is_not_acknowledged() -> None:
    with MailSink(fail) as mail, pytest.raises(smtplib.SMTPDataError) as refused:
        send(mail.url, letter())
    assert refused.value.smtp_code == 451
    with WebhookSink(fail) as hook:
        assert post(hook.url, signed()) == 500


def test_a_signed_webhook_is_verified_and_passed_on() -> None:
    got: queue.Queue[Received] = queue.Queue()
    with WebhookSink(got.put, SECRET) as sink:
        assert post(sink.url, signed()) == 204
    taken = got.get(timeout=30)
    assert (taken.id, taken.verified, taken.payload()["title"]) == ("msg_1", True, "ناوگان")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(body=PAYLOAD + " "),
        signed() | {"webhook-id": "msg_2"},
        signed() | {"webhook-signature": "no comma"},
        signed() | {"webhook-signature": "v1,*"},
        signed(at=dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)),
    ],
    ids=["unsigned", "other body", "other id", "no version", "no base64", "an hour old"],
)
def test_a_wrongly_signed_webhook_is_refused_but_seen(headers: dict[str, str]) -> None:
    got: queue.Queue[Received] = queue.Queue()
    with WebhookSink(got.put, SECRET) as sink:
        assert post(sink.url, headers) == 401
    assert got.get(timeout=30).verified is False


def test_without_a_secret_nothing_is_judged() -> None:
    got: queue.Queue[Received] = queue.Queue()
    with WebhookSink(got.put) as sink:
        assert post(sink.url, {}) == 204
        assert httpx.get(sink.url).status_code == 405
    assert got.get(timeout=30).verified is None


def test_a_sink_of_its_own_process_logs_each_message_before_it_answers(tmp_path: Path) -> None:
    log = tmp_path / "received.jsonl"
    with SinkProcess("webhook", log, secret=SECRET) as hook:
        post(hook.url, signed())
        post(hook.url, signed())
        lines = read_log(log)
    assert [line["id"] for line in lines] == ["msg_1", "msg_1"]
    assert len({line["sha256"] for line in lines}) == 1
    assert all(line["verified"] and line["body"] == PAYLOAD for line in lines)


def test_a_mail_sink_of_its_own_process_adds_to_the_same_log(tmp_path: Path) -> None:
    log = tmp_path / "received.jsonl"
    for ident in ("a@x.example", "b@x.example"):
        with SinkProcess("mail", log) as sink:
            send(sink.url, letter(ident))
    assert [line["id"] for line in read_log(log)] == ["a@x.example", "b@x.example"]


def test_a_message_whose_sender_dies_halfway_was_not_received() -> None:
    got: queue.Queue[Received] = queue.Queue()
    with WebhookSink(got.put) as sink:
        host, port = sink.url.removeprefix("http://").partition("/")[0].split(":")
        with socket.create_connection((host, int(port))) as half:
            half.sendall(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nwebhook-id: msg_half\r\n\r\n{")
        assert post(sink.url, {"webhook-id": "msg_whole"}) == 204
        assert got.get(timeout=30).id == "msg_whole"
    assert got.empty()
