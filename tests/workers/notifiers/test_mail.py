"""Mail over a real SMTP server on loopback, with the faults that real ones have."""

import datetime as dt
import email
import email.policy
import re
import socket
import ssl
import threading
import time
from html.parser import HTMLParser

import pytest
from aiosmtpd.controller import Controller

from copytaster.errors import Permanent, Rejected, Transient
from tests.services import running
from workers.notifiers import Bounced, Notifiers, RelayAway, mime, payload, relay, render
from workers.notifiers.mail import Mail, mailbox
from workers.notifiers.relay import Relay

TO = "mailto:reader@example.org"
UNSUBSCRIBE = "https://watch.example.org/unsubscribe/" + "Ab3_-" * 30


class Mailbox:
    """An SMTP server's handler that keeps what it takes and answers what it is told to."""

    def __init__(self):
        self.mails = []
        self.sessions = set()
        self.mail_answer = None
        self.rcpt_answer = None
        self.data_answers = []
        self.drops = 0

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802
        if self.mail_answer:
            return self.mail_answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if self.rcpt_answer:
            return self.rcpt_answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.mails.append(envelope.content)
        self.sessions.add(session.peer)
        if self.drops:
            self.drops -= 1
            server.transport.abort()
        return self.data_answers.pop(0) if self.data_answers else "250 taken"


def at(port):
    """Where a server listens, which a busy machine may take a while to start."""
    return {"hostname": "127.0.0.1", "port": port, "ready_timeout": 30}


@pytest.fixture
def box():
    return Mailbox()


@pytest.fixture
def server(box):
    port = running.free_port()
    controller = Controller(box, server_hostname="mx.example.org", **at(port))
    controller.start()
    yield port
    controller.stop()


@pytest.fixture
def mail(server, outbox):
    made = Mail(outbox(smtp_url=f"smtp://127.0.0.1:{server}", mail_from="Copytaster <alerts@example.org>"))
    yield made
    made.close()


def parsed(data):
    return email.message_from_bytes(data, policy=email.policy.default)


class Elements(HTMLParser):
    """All tags with their attributes, and the text between."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def tags_only(self):
        return [tag for tag, _ in self.tags]

    def handle_data(self, data):
        self.text.append(data)


def test_a_mail_carries_the_alert_as_text_and_as_html_with_the_passage_highlighted(mail, box, message):
    receipt = mail.send(message(TO, unsubscribe_url=UNSUBSCRIBE))
    assert "taken" in receipt.detail
    got = parsed(box.mails[0])
    assert got["subject"] == "Fatemiyoun: Fatemiyun come home"
    assert got["from"] == "Copytaster <alerts@example.org>"
    assert got["to"] == "reader@example.org"
    assert got["message-id"] == "<msg_2Lh9KRb0pzN@example.org>"
    assert got["auto-submitted"] == "auto-generated"
    assert got["date"].datetime == dt.datetime(2026, 11, 23, 2, 51, tzinfo=dt.UTC)
    text, html = (part.get_content() for part in got.iter_parts())
    for body in (text, html):
        assert "The Harbour Gazette" in body
        assert "23 Nov 2026, 05:51 (UTC+3)" in body
        assert "https://news.example.org/1" in body
        assert "for “Fatemiyoun” (a variant of the name)" in body
        assert UNSUBSCRIBE in body
    assert "carrying *Fatemiyun* veterans" in text
    assert re.search(r'<mark class="mark" style="[^"]*background-color[^"]*">Fatemiyun</mark>', html)


def test_one_click_unsubscribe_stays_whole_in_its_header(mail, box, message):
    mail.send(message(TO, unsubscribe_url=UNSUBSCRIBE))
    assert f"\r\nList-Unsubscribe: <{UNSUBSCRIBE}>\r\n".encode() in box.mails[0]
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in box.mails[0]


def test_without_a_public_address_unsubscribing_is_a_mail_to_the_sender(mail, box, message):
    mail.send(message(TO))
    assert parsed(box.mails[0])["list-unsubscribe"] == "<mailto:alerts@example.org?subject=unsubscribe>"
    assert parsed(box.mails[0])["list-unsubscribe-post"] is None


@pytest.mark.parametrize("answer", ["421 busy", "450 greylisted", "451 local error", "452 full"])
def test_a_mail_that_is_put_off_is_sent_again_the_same_to_the_byte(mail, box, message, answer):
    box.data_answers = [answer]
    with pytest.raises(Transient, match=answer):
        mail.send(message(TO))
    mail.send(message(TO))
    assert len(box.mails) == 2
    assert box.mails[0] == box.mails[1]


@pytest.mark.parametrize("answer", ["550 no such user", "552 too big", "554 spam"])
def test_a_mail_that_is_refused_for_good_is_permanent_and_says_whose(mail, box, message, answer):
    box.data_answers = [answer]
    with pytest.raises(Permanent, match=rf"reader@example\.org for good: {answer}"):
        mail.send(message(TO))
    mail.send(message(TO))  # the connection is still good for the next


RCPT = [
    ("550 no such user", Bounced),
    ("550 5.1.1 unknown", Bounced),
    ("553 5.1.3 bad address", Bounced),
    ("550 5.2.1 mailbox disabled", Bounced),
    ("550 sorry, no mailbox here by that name. (#5.1.1)", Bounced),
    ("551 User unknown", Bounced),
    ("550-5.1.1 The email account that you tried to reach does not exist.\r\n550 5.1.1 See support", Bounced),
    ("550 5.7.1 relaying denied", Permanent),
    ("550 relay not permitted", Permanent),
    ("550 Blocked: see http://spamhaus.example/?ip=5.1.1.7", Permanent),
    ("550 authentication required", Permanent),
    ("550 Sender verify failed: no such user", Permanent),
    ("550 5.1.8 sender's domain not found", Permanent),
    ("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", Permanent),
    ("550-5.7.1 Unauthenticated mail is not taken\r\n550 5.7.1 from this network", Permanent),
    ("550", Permanent),
    ("552 5.2.2 over quota", Permanent),
    ("552 over quota", Permanent),
    ("421 too busy", Transient),
    ("450 4.2.0 greylisted", Transient),
    ("451 4.3.0 local error", Transient),
    ("452 4.3.1 disk full", Transient),
    ("530 5.7.0 log in first", Transient),
]


@pytest.mark.parametrize(("answer", "kind"), RCPT)
def test_what_the_server_says_of_a_recipient_is_told_apart(mail, box, message, answer, kind):
    box.rcpt_answer = answer
    with pytest.raises((Permanent, Transient)) as caught:
        mail.send(message(TO))
    assert type(caught.value) in (kind, *([RelayAway] if answer.startswith("530") else []))
    box.rcpt_answer = None
    mail.send(message(TO))
    assert len(box.mails) == 1


def test_a_mailbox_that_does_not_exist_does_not_spoil_the_next_mail(mail, box, message):
    box.rcpt_answer = "550 5.1.1 unknown"
    with pytest.raises(Permanent):
        mail.send(message(TO))
    box.rcpt_answer = None
    mail.send(message("mailto:other@example.org"))
    assert [parsed(each)["to"] for each in box.mails] == ["other@example.org"]


@pytest.mark.parametrize(("answer", "hint"), [("553 who?", "mail.sender"), ("530 log in first", "mail.url")])
def test_a_sender_that_is_refused_is_no_mailboxs_fault_so_the_mail_waits(mail, box, message, answer, hint):
    box.mail_answer = answer
    with pytest.raises(Transient, match=hint):
        mail.send(message(TO))
    box.mail_answer = None
    mail.send(message(TO))


def test_a_server_that_greets_with_a_refusal_refuses_no_mailbox(outbox, message):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse():
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"554 no service here\r\n")

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        with pytest.raises(Transient, match="refuses our call \\(554 no service here\\)"):
            Mail(outbox(smtp_url=f"smtp://127.0.0.1:{listener.getsockname()[1]}")).send(message(TO))
        thread.join(10)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_tls_is_spoken_from_the_start_or_when_offered_and_a_password_asks_for_a_true_certificate(
    box, outbox, message, monkeypatch, tmp_path, scheme
):
    context, port = self_signed(tmp_path), running.free_port()
    offered = {"ssl_context": context} if scheme == "smtps" else {"tls_context": context, "require_starttls": True}
    controller = Controller(box, **at(port), **offered)
    controller.start()
    try:
        mail = Mail(outbox(smtp_url=f"{scheme}://127.0.0.1:{port}"))
        mail.send(message(TO))
        mail.close()
        assert len(box.mails) == 1
        monkeypatch.setattr(Relay, "is_local", property(lambda _: False))
        with pytest.raises(Transient, match="TLS with the mail server"):
            Mail(outbox(smtp_url=f"{scheme}://user:pass@127.0.0.1:{port}")).send(message(TO))
        assert len(box.mails) == 1
    finally:
        controller.stop()


def self_signed(folder):
    """A server's TLS context over a certificate that nobody vouches for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mx.example.org")])
    start = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), start, start + dt.timedelta(1))
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "server.pem").write_bytes(key.private_bytes(*form) + pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem")
    return context


def test_a_connection_dropped_before_the_answer_is_tried_again(mail, box, message):
    box.drops = 1
    with pytest.raises(Transient, match="sent again later"):
        mail.send(message(TO))
    mail.send(message(TO))
    assert box.mails[0] == box.mails[1]


def test_a_server_that_hangs_after_the_data_is_left_in_time(outbox, message, monkeypatch):
    monkeypatch.setattr(relay, "TOTAL_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()
        threading.Thread(target=_hang_after_data, args=(listener, done), daemon=True).start()
        mail = Mail(outbox(smtp_url=f"smtp://127.0.0.1:{listener.getsockname()[1]}"))
        started = time.monotonic()
        with pytest.raises(Transient, match="fell silent"):
            mail.send(message(TO))
        assert time.monotonic() - started < 3
        done.set()


@pytest.mark.parametrize("step", [b"", b"EHLO", b".\r\n"])
def test_a_server_that_drips_its_answers_is_left_in_time(outbox, message, monkeypatch, step):
    monkeypatch.setattr(relay, "TOTAL_SECONDS", 0.5)
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_drip_after, args=(listener, step, done))
        thread.start()
        started = time.monotonic()
        with pytest.raises(Transient):
            Mail(outbox(smtp_url=f"smtp://127.0.0.1:{listener.getsockname()[1]}")).send(message(TO))
        assert time.monotonic() - started < 3
        done.set()
        thread.join(10)


def _drip_after(listener, step, done):
    """A server that answers as it should until this command, and then a byte every 50 ms that never makes a line."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as lines:
        line = b""
        connection.sendall(b"220 hello\r\n" if step else b"220 ")
        while step and (line := lines.readline()) and not line.startswith(step):
            answers = {b"DATA": b"354 go\r\n", b"EHLO": b"250 mx\r\n", b"MAIL": b"250 ok\r\n", b"RCPT": b"250 ok\r\n"}
            connection.sendall(answers.get(line[:4].upper(), b""))
        while not done.wait(0.05):
            try:
                connection.sendall(b"2")
            except OSError:
                return


def test_a_name_server_that_hangs_holds_no_mail(outbox, message, monkeypatch):
    monkeypatch.setattr(relay, "TOTAL_SECONDS", 0.3)
    answers = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers.wait(20) and [])
    started = time.monotonic()
    with pytest.raises(Transient, match=r"No mail server answers at mx\.example\.org:25"):
        Mail(outbox(smtp_url="smtp://mx.example.org")).send(message(TO))
    assert time.monotonic() - started < 3
    answers.set()


def test_no_mail_waits_for_another_that_is_slow(mail, box, message, monkeypatch):
    """Three threads meet in the middle of their mails; with one line for all, the first would wait there for ever."""
    meeting = threading.Barrier(3, timeout=10)
    whole = relay.Line.send
    monkeypatch.setattr(relay.Line, "send", lambda *args: meeting.wait() >= 0 and whole(*args))
    threads = [threading.Thread(target=mail.send, args=(message(TO, message_id=f"msg_{n}"),)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(box.mails) == 3
    assert len(box.sessions) == 3


def test_close_leaves_the_server_on_every_line_and_a_later_mail_calls_again(mail, box, message, monkeypatch):
    left = []
    hang_up = relay.Line.hang_up
    monkeypatch.setattr(relay.Line, "hang_up", lambda self: left.append(self) or hang_up(self))
    meeting = threading.Barrier(2, timeout=10)
    whole = relay.Line.send

    def close_meanwhile(*args):
        meeting.wait()
        meeting.wait()
        return whole(*args)

    monkeypatch.setattr(relay.Line, "send", close_meanwhile)
    thread = threading.Thread(target=mail.send, args=(message(TO),))
    thread.start()
    meeting.wait()
    mail.close()
    meeting.wait()
    thread.join(10)
    assert len(box.mails) == 1
    assert left[-1]._smtp is None
    monkeypatch.setattr(relay.Line, "send", whole)
    mail.send(message(TO))
    assert len(box.sessions) == 2


def _hang_after_data(listener, done):
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as lines:
        connection.sendall(b"220 hello\r\n")
        for line in lines:
            if line == b".\r\n":
                done.wait(10)
                return
            answers = {b"DATA": b"354 go\r\n", b"EHLO": b"250 mx\r\n", b"MAIL": b"250 ok\r\n", b"RCPT": b"250 ok\r\n"}
            connection.sendall(answers.get(line[:4].upper(), b""))


def test_a_burst_goes_over_one_connection(mail, box, message):
    for number in range(20):
        mail.send(message(TO, message_id=f"msg_{number}"))
    assert len(box.mails) == 20
    assert len(box.sessions) == 1


def test_a_server_that_went_away_between_two_mails_is_called_again(box, outbox, message):
    port = running.free_port()
    mail = Mail(outbox(smtp_url=f"smtp://127.0.0.1:{port}"))
    for number in range(2):
        controller = Controller(box, **at(port))
        controller.start()
        mail.send(message(TO, message_id=f"msg_{number}"))
        controller.stop()
    assert len(box.mails) == 2
    mail.close()


def test_no_mail_server_is_one_clear_sentence(outbox, message):
    port = running.free_port()
    with pytest.raises(Transient, match=rf"No mail server answers at 127\.0\.0\.1:{port} .*check mail\.url"):
        Mail(outbox(smtp_url=f"smtp://127.0.0.1:{port}")).send(message(TO))
    with pytest.raises(Transient, match=r"No mail server is configured; set mail\.url"):
        Mail(outbox(smtp_url="")).send(message(TO))
    with pytest.raises(Rejected, match=r"No mail server is configured; set mail\.url") as caught:
        Notifiers(outbox(smtp_url="")).check(TO)
    assert caught.value.reason == "bad_channel"


def test_a_password_never_leaves_in_clear(outbox, message, server, monkeypatch):
    monkeypatch.setattr(Relay, "is_local", property(lambda _: False))
    with pytest.raises(Transient, match="offers no TLS, so no password is sent"):
        Mail(outbox(smtp_url=f"smtp://user:pass@127.0.0.1:{server}")).send(message(TO))


def test_a_login_that_the_server_does_not_take_waits_for_the_operator(outbox, message, server):
    with pytest.raises(Transient, match="takes no login"):
        Mail(outbox(smtp_url=f"smtp://user:pass@127.0.0.1:{server}")).send(message(TO))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mx.example.org", ("mx.example.org", 25, False, None, "")),
        ("smtp://a%40b.org:p%3Aw@mx.example.org", ("mx.example.org", 587, False, "a@b.org", "p:w")),
        ("smtps://u:p@mx.example.org", ("mx.example.org", 465, True, "u", "p")),
        ("smtp://[::1]:2525", ("::1", 2525, False, None, "")),
    ],
)
def test_a_mail_server_is_named_by_one_url(url, expected):
    found = Relay.of(url)
    assert (found.host, found.port, found.tls, found.user, found.password) == expected


@pytest.mark.parametrize("url", ["mx.example.org", "http://mx.example.org", "smtp://", "smtp://h:port", "smtp://[::1"])
def test_what_names_no_mail_server_is_refused_with_the_form_to_write(url):
    with pytest.raises(Rejected, match="smtp://user:password@host:587"):
        Relay.of(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mailto:reader@example.org", "reader@example.org"),
        ("MAILTO:first.last+tag@example.org?subject=x", "first.last+tag@example.org"),
        ("mailto:x@münchen.example", "x@xn--mnchen-3ya.example"),
        ("mailto:root@localhost", "root@localhost"),
    ],
)
def test_a_mail_channel_is_one_mailbox(url, expected):
    assert mailbox(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "mailto:",
        "mailto:nobody",
        "mailto:a@b.org,c@d.org",
        "mailto:a@b.org%0d%0aBcc:x@y.org",
        "mailto:a%0aRCPT@b.org",
        "mailto:a b@c.org",
        "mailto:<a@b.org>",
        "mailto://user:password@mail.example.org",
        "mailto:a..b@c.org",
        "mailto:a@-",
    ],
)
def test_what_is_no_mailbox_is_refused_before_anything_is_sent(url):
    with pytest.raises(Rejected) as caught:
        mailbox(url)
    assert caught.value.reason == "bad_channel"


def test_a_digest_lists_every_item_under_its_watch(mail, box, message, item):
    items = [item(number, watch=f"Watch {number % 2}", watch_id=f"w{number % 2}", title=f"Title {number}") for number in range(9)]
    mail.send(message(TO, *items, kind="daily"))
    got = parsed(box.mails[0])
    assert got["subject"] == "2 watches: 9 articles"
    for part in got.iter_parts():
        body = part.get_content()
        order = [
            body.index(f"Title {number}\n" if part.get_content_subtype() == "plain" else f">Title {number}<")
            for number in (0, 2, 4, 6, 8, 1, 3, 5, 7)
        ]
        assert order == sorted(order)


def test_a_notice_reads_as_a_letter():
    frozen = payload.notice("n1", "A channel was disabled", "It answered 410.\n<b>", created_at=dt.datetime.now(dt.UTC))
    rendered = render.render(frozen)
    assert rendered.subject == "A channel was disabled"
    assert "It answered 410.\n<b>" in rendered.text
    assert "It answered 410.\n&lt;b&gt;" in rendered.html


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "JaVaScRiPt://x"])
def test_only_web_addresses_become_links(url, item):
    frozen = payload.build(
        "m", [item(url=url, copies=[payload.Copy(url, "Copy", "t")])], created_at=dt.datetime.now(dt.UTC), kind="instant"
    )
    assert not [attrs for tag, attrs in Elements(render.render(frozen).html).tags if tag == "a"]


def test_marks_that_overlap_or_lie_outside_still_give_the_whole_passage():
    text = "abcdefghij"
    pieces = render.segments(text, [(7, 99), (1, 3), (2, 5), (4, 4), (-3, 0), (8, 6)])
    assert pieces == [(False, "a"), (True, "bc"), (True, "de"), (False, "fg"), (True, "hij")]
    assert "".join(piece for _, piece in pieces) == text


@pytest.mark.slow
def test_naughty_strings_come_through_as_text_and_never_as_headers_or_markup(naughty_strings, item, message, outbox):
    mail = Mail(outbox(mail_from="Copytaster <alerts@example.org>"))
    names = plain_tags = None
    naughty_strings = ["w", *naughty_strings]
    for text in naughty_strings:
        sent = message(TO, item(watch=text, title=text, source=text, passage=text, query=text))
        data = mail.compose(sent, "reader@example.org")
        assert data.isascii()
        assert b"\n" not in data.replace(b"\r\n", b"")
        assert max(map(len, data.split(b"\r\n"))) <= 998
        got = parsed(data)
        names = names or got.keys()
        assert got.keys() == names
        assert got.defects == []
        assert got["subject"] == render.subject(sent.payload)
        elements = Elements(got.get_payload()[1].get_content())
        plain_tags = plain_tags or elements.tags_only()
        assert elements.tags_only() == plain_tags
        shown = "".join(elements.text)
        if text.strip() and "\r" not in text:
            assert payload.clean(text).strip() in shown


def test_long_and_wild_subjects_stay_one_line_and_whole():
    for text in [
        "😀" * 200,
        "سلام " * 100,
        "a" * 5000,
        "x\r\nBcc: evil@example.org",
        "\u202eabc\u2066",
        "=?utf-8?q?x?=",
        "é" * 64,
    ]:
        line = render.one_line(text, 150)
        assert len(line) <= 150
        data = mime.compose(
            "m",
            render.Rendered(line, "t", "h"),
            sender="Ünï <a@example.org>",
            recipient="b@example.org",
            created_at=dt.datetime.now(dt.UTC),
            unsubscribe_url=None,
        )
        got = parsed(data)
        assert got["subject"] == line
        assert got["bcc"] is None
        assert got["from"].addresses[0].display_name == "Ünï"
        assert all(len(each) <= 78 for each in data.split(b"\r\n\r\n")[0].split(b"\r\n") if b"utf-8" in each)
