"""The caps on one page: five seconds of CPU, 300 MB, and the same answer whichever way it was read."""

import multiprocessing
import threading
import time

import pytest

from copytaster.errors import Rejected
from workers.extraction import boxed
from workers.extraction.read import extract

PARAGRAPH = (
    b"<p>The council met on Tuesday evening and agreed to mend the bridge over the river before the next winter comes.</p>"
)


def page(body):
    return b"<html lang=en><head><title>Bridge to be mended</title></head><body><article>" + body + b"</article></body></html>"


def padded():
    """A normal article in a page so large that it is read in a child."""
    return page(PARAGRAPH * 6 + b"<script>" + b"var x = 1; " * 120_000 + b"</script>")


def burn(*_):
    while True:
        pass


def hoard(*_):
    kept = []
    while True:
        kept.append(b"x" * 10_000_000)


def test_a_large_page_gives_the_same_article_in_a_child_as_here():
    """Everything survives the way through the pipe."""
    assert boxed.is_suspicious(padded())
    head = b'<meta property="article:published_time" content="2024-05-01T10:00:00+02:00"><meta name="author" content="Jane Roe">'
    body = padded().replace(b"</head>", head + b"</head>")
    assert boxed.extract_boxed(body, "https://x.example/a") == extract(body, "https://x.example/a")


def test_a_refusal_in_the_child_keeps_its_reason():
    """The reason and the sentence come through."""
    with pytest.raises(Rejected) as refusal:
        boxed.extract_boxed(page(b"<div>" * 60_000), None)
    assert refusal.value.reason == "too_deep"


@pytest.mark.parametrize(
    "bomb",
    [
        page(PARAGRAPH * 80_000),
        page(b"<p>" + b"w" * 9_000_000 + b"</p>"),
        page(b"<b>x" * 1_000_000),
        page(PARAGRAPH + b"<script type='application/ld+json'>" + b"[" * 2_000_000 + b"</script>"),
        page(PARAGRAPH + b"<p title=" + b"a" * 5_000_000 + b">"),
        b"<html>" + b"\x00" * 3_000_000 + PARAGRAPH,
        b"<" * 5_000_000,
        b"<html>" + b"x" * 11_000_000,
    ],
    ids=["paragraphs", "one word", "nesting", "json", "attribute", "nul", "brackets", "too long"],
)
@pytest.mark.slow
def test_a_bomb_takes_no_more_than_its_share_and_the_worker_lives(bomb):
    """Read or refused, within the caps."""
    start = time.process_time()
    try:
        assert boxed.extract_boxed(bomb, None).text
    except Rejected as refusal:
        reason = refusal.reason
    else:
        reason = "read"
    assert reason in {"read", "too_slow", "too_big", "too_deep", "no_text", "not_html"}
    assert time.process_time() - start < boxed.CPU_SECONDS + 1


def test_a_small_page_that_burns_cpu_is_given_up_here(monkeypatch):
    """The timer ends what runs in the worker itself, and is gone afterwards."""
    monkeypatch.setattr(boxed, "CPU_SECONDS", 0.3)
    monkeypatch.setattr(boxed, "extract", burn)
    with pytest.raises(Rejected) as refusal:
        boxed.extract_boxed(page(PARAGRAPH), None)
    assert refusal.value.reason == "too_slow"
    monkeypatch.undo()
    assert boxed.extract_boxed(page(PARAGRAPH * 3), None).title == "Bridge to be mended"


def test_a_library_that_swallows_exceptions_does_not_swallow_the_timer(monkeypatch):
    """trafilatura catches Exception in several places and goes on."""

    def stubborn(*_):
        while True:
            try:
                burn()
            except Exception:  # noqa: BLE001 - just what is tested
                continue

    monkeypatch.setattr(boxed, "CPU_SECONDS", 0.3)
    monkeypatch.setattr(boxed, "extract", stubborn)
    with pytest.raises(Rejected, match="CPU"):
        boxed.extract_boxed(page(PARAGRAPH), None)


@pytest.mark.slow
def test_a_large_page_that_burns_cpu_is_killed(monkeypatch):
    """The child dies of its own limit."""
    monkeypatch.setattr(boxed, "CPU_SECONDS", 1)
    monkeypatch.setattr(boxed, "extract", burn)
    with pytest.raises(Rejected) as refusal:
        boxed.extract_boxed(padded(), None)
    assert refusal.value.reason == "too_slow"


def test_a_child_that_hangs_without_cpu_is_killed(monkeypatch):
    """The wall clock is the last way out."""
    monkeypatch.setattr(boxed, "WALL_SECONDS", 0.3)
    monkeypatch.setattr(boxed, "extract", lambda *_: threading.Event().wait())
    with pytest.raises(Rejected) as refusal:
        boxed.extract_boxed(padded(), None)
    assert refusal.value.reason == "too_slow"


def test_a_page_that_eats_memory_is_refused(monkeypatch):
    """The child may have 300 MB more than the worker has."""
    monkeypatch.setattr(boxed, "extract", hoard)
    with pytest.raises(Rejected) as refusal:
        boxed.extract_boxed(padded(), None)
    assert refusal.value.reason == "too_big"


@pytest.mark.slow
def test_a_daemonic_process_may_read_large_pages():
    """Celery's pool children are daemonic: they may fork, but not use multiprocessing."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    worker = context.Process(target=_in_daemon, args=(answers, padded()), daemon=True)
    worker.start()
    assert answers.get(timeout=60) == "Bridge to be mended"
    worker.join()


def _in_daemon(answers, body):
    answers.put(boxed.extract_boxed(body, None).title)


def test_outside_the_main_thread_pages_are_still_read():
    """Signals belong to the main thread; large pages have their child all the same."""
    found = []
    thread = threading.Thread(
        target=lambda: found.extend(boxed.extract_boxed(body, None).title for body in (page(PARAGRAPH * 3), padded()))
    )
    thread.start()
    thread.join()
    assert found == ["Bridge to be mended"] * 2
