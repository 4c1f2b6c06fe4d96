"""Pages that need JavaScript, rendered by a real Chromium; and what that browser may reach."""

import asyncio
import os
import shutil

import pytest

from copytaster.guard import Guard
from desk.loopback import Resource
from scrapers.gate import Gate
from scrapers.render import should_abort

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SHELL = """<!doctype html><html><head><title>App</title><script>
window.addEventListener("load", async () => {
  const words = await (await fetch("/words.txt")).text();
  let leak = "closed";
  try { leak = await (await fetch("CANARY", {mode: "no-cors"})).text() + "open"; } catch (e) { leak = "closed"; }
  document.getElementById("root").innerHTML = "<h1>Bridge opens</h1><p>" + words + "</p><p>private is " + leak + "</p>";
});
</script></head><body><div id="root"></div></body></html>"""


@pytest.fixture
def chromium():
    if CHROMIUM is None:
        said = "RENDERING IS NOT TESTED: there is no chromium here (apt-get install chromium)"
        pytest.fail(said) if os.environ.get("CI") else pytest.skip(said)
    return CHROMIUM


@pytest.mark.service
def test_a_page_that_needs_javascript_is_rendered(world, chromium):
    private = f"{world.server.proxy}/metadata"
    world.feed("script.example", "/app")
    world.server.put("script.example", "/app", Resource(body=SHELL.replace("CANARY", private).encode()))
    world.server.put("script.example", "/words.txt", Resource(body=b"The river has a new bridge.", content_type="text/plain"))
    world.crawl("script.example", crawl__render="true", crawl__browser=chromium, crawl__run_seconds=40)
    (kept,) = world.rows("pages").values()
    from copytaster.store import pages

    with world.store.write() as tx:
        body = pages.claim(tx, "test", seconds=1).page.body.decode()
    assert kept.url == "http://script.example/app"
    assert "The river has a new bridge." in body
    assert "private is closed" in body
    assert [one for one in world.server.requests() if one.path == "/metadata"] == []


@pytest.mark.parametrize(
    ("kind", "url", "aborted"),
    [
        ("document", "https://news.example/a", False),
        ("script", "https://news.example/a.js", False),
        ("image", "https://news.example/a.png", True),
        ("font", "https://news.example/a.woff", True),
        ("fetch", "http://169.254.169.254/latest/meta-data", True),
        ("fetch", "http://localhost:9200/", True),
        ("document", "file:///etc/passwd", True),
        ("script", "data:text/javascript,1", False),
    ],
)
def test_the_browser_asks_only_for_what_it_needs_and_may(kind, url, aborted):
    assert should_abort(Guard(), kind, url) == aborted


async def through(gate, request):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gate.url.rpartition(":")[2]))
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize("method", ["GET http://{0}/ HTTP/1.1", "CONNECT {0} HTTP/1.1"])
@pytest.mark.parametrize("target", ["127.0.0.1:{port}", "localhost:{port}", "rebound.example:{port}"])
def test_the_gate_lets_no_connection_to_a_private_address_through(method, target):
    """A name that turns to a private address is the case that looking at URLs would miss."""
    hits = []

    async def run():
        inside = await asyncio.start_server(lambda r, w: (hits.append(1), w.close()), "127.0.0.1", 0)
        port = inside.sockets[0].getsockname()[1]
        guard = Guard(resolve=lambda host, port: ["127.0.0.1"])
        async with Gate(guard) as gate:
            answer = await through(gate, f"{method.format(target.format(port=port))}\r\nHost: x\r\n\r\n".encode())
        inside.close()
        return answer

    assert asyncio.run(run()).startswith(b"HTTP/1.1 403")
    assert hits == []


def test_the_gate_passes_on_what_is_allowed(world):
    world.server.put("open.example", "/page", Resource(body=b"hello", content_type="text/plain"))
    port = int(world.server.proxy.rpartition(":")[2])

    async def run():
        async with Gate(Guard(allow=["open.example"], resolve=lambda host, _: ["127.0.0.1"])) as gate:
            return await through(gate, f"GET http://open.example:{port}/page HTTP/1.1\r\nHost: open.example\r\n\r\n".encode())

    assert asyncio.run(run()).endswith(b"hello")
