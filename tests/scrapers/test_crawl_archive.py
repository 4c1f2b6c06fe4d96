"""WARC files, read back."""

import gzip

import pytest
from warcio.archiveiterator import ArchiveIterator

from desk.loopback import Resource
from scrapers.archive import Archive
from tests.scrapers.conftest import page


def records(folder):
    found = []
    for path in sorted(folder.glob("*.warc.gz")):
        with path.open("rb") as file:
            for record in ArchiveIterator(file, no_record_parse=False):
                head = record.http_headers
                found.append((record.rec_type, record.rec_headers.get_header("WARC-Target-URI"), head, record.raw_stream.read()))
    return found


@pytest.mark.slow
def test_what_was_fetched_is_read_back_byte_for_byte_and_without_secrets(world):
    world.feed("kept.example", "/1", "/old", cookies={"session": "secret"}, headers={"Authorization": "Bearer secret"})
    one = page("One", words=40)
    world.server.put("kept.example", "/1", one)
    world.server.put("kept.example", "/old", Resource.redirect("/1"))
    folder = world.folder / "warc"
    world.crawl("kept.example", crawl__archive=str(folder))
    found = records(folder)
    responses = [(url, head, body) for kind, url, head, body in found if kind == "response"]
    assert sorted(url for url, _, _ in responses) == ["http://kept.example/1", "http://kept.example/1", "http://kept.example/old"]
    _, head, body = next(one for one in responses if one[0].endswith("/1"))
    assert head.get_statuscode() == "200"
    assert head.get_header("Content-Encoding") == "gzip"
    assert gzip.decompress(body) == one.body
    asked = [head for kind, _, head, _ in found if kind == "request"]
    assert len(asked) == 3
    assert asked[0].get_header("Host") == "kept.example"
    assert not any(head.get_header(name) for head in asked for name in ("Cookie", "Authorization"))


def test_files_are_rotated_and_each_can_be_read_alone(tmp_path):
    archive = Archive(str(tmp_path), rotate_bytes=1)
    for number in range(3):
        archive.write(f"http://a.example/{number}", [], "200", [("Content-Type", "text/html")], b"<html>x</html>")
    archive.close()
    assert len(list(tmp_path.glob("*.warc.gz"))) == 3
    assert [url for kind, url, _, _ in records(tmp_path) if kind == "response"] == [f"http://a.example/{n}" for n in range(3)]


@pytest.mark.parametrize("folder", ["memory://warc"])
def test_any_file_system_of_fsspec_will_do(folder):
    import fsspec

    archive = Archive(folder)
    archive.write("http://a.example/", [], "200", [], b"x")
    archive.close()
    assert len(fsspec.filesystem("memory").ls("/warc")) == 1
