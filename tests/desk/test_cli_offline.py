"""``match``, ``extract``, ``dev`` and ``bench`` by the command line: the streams that scripts rely on."""

import base64
import gzip
import json

import pytest

PAGE = "<html><head><title>Port strike</title></head><body><article>{}</article></body></html>".format(
    "".join(f"<p>Workers of the port went on strike on day {day}, and nobody knows when it will end.</p>" for day in range(9))
)


def test_match_prints_matches_by_article_then_watch_and_bad_lines_as_errors(call, folder):
    (folder / "w").write_text('{"id": "b", "query": "strike"}\n{"id": "a", "query": "port"}\nnonsense\n')
    articles = [
        {"id": 2, "title": "Port strike", "text": "x\u2028y"},
        {"id": 1, "title": "No news"},
        {"id": 3, "text": "strikes; a strike"},
    ]
    (folder / "a").write_text("\n".join(json.dumps(each, ensure_ascii=False) for each in articles))
    done = call("match", "--watches", "w", "--articles", "a")
    assert done.code == 0
    assert [(each.get("watch"), each.get("article")) for each in done.records if "error" not in each] == [
        ("b", 2),
        ("a", 2),
        ("b", 3),
    ]
    assert next(each["error"] for each in done.records if "error" in each).startswith("Line 3 of the watches")
    hit = done.records[-1]["hits"][0]
    assert articles[2]["text"][hit["start"] : hit["end"]] == hit["printed"] == "strike"


def test_match_reads_one_of_the_two_from_standard_input(call, folder):
    (folder / "w").write_text('{"id": 1, "query": "port"}')
    done = call("match", "--watches", "w", "--articles", "-", stdin=b'{"id": 1, "title": "Port"}')
    assert [each["article"] for each in done.records] == [1]


def test_match_without_its_file_is_one_clear_sentence(call):
    done = call("match", "--watches", "w", "--articles", "a")
    assert done.code == 1
    assert done.err == "copytaster: w: there is no such file or folder; check the path.\n"


def test_extract_reads_a_file_plain_or_packed(call, folder):
    (folder / "page.html").write_text(PAGE)
    (folder / "page.html.gz").write_bytes(gzip.compress(PAGE.encode()))
    plain = call("extract", "page.html", "--url", "https://a.example/1").records[0]
    packed = call("extract", "page.html.gz").records[0]
    assert plain["title"] == packed["title"] == "Port strike"
    assert plain["text"] == packed["text"]
    assert (plain["file"], plain["url"], packed["url"]) == ("page.html", "https://a.example/1", None)


def test_extract_gives_one_line_for_each_input_in_order(call, folder):
    (folder / "page.html").write_text(PAGE)
    listed = [
        {"file": "page.html", "url": None},
        {"file": "gone.html", "url": None},
        {"file": "page.html", "url": "https://a.example"},
    ]
    (folder / "list").write_text("\n".join(map(json.dumps, listed)) + "\nnonsense\n")
    for args, stdin in ((("--batch", "list"), b""), (("--batch", "-"), (folder / "list").read_bytes())):
        done = call("extract", *args, stdin=stdin)
        assert done.code == 0
        assert [each["file"] for each in done.records] == ["page.html", "gone.html", "page.html", None]
        assert ["error" in each for each in done.records] == [False, True, False, True]


def data(text):
    return base64.b64encode(text.encode()).decode()


DEV = [
    ("feed", {"data": data("<rss version='2.0'><channel><title>T</title></channel></rss>")}, "title", "T"),
    ("robots", {"data": data("User-agent: *\nDisallow: /x"), "agent": "a", "url": "/x"}, "allowed", False),
    ("url", {"url": "HTTP://Example.org/?utm_source=x"}, "canonical", "http://example.org/"),
    ("charset", {"data": data("é")}, "charset", "UTF-8"),
    ("sign", {"secret": "whsec_" + data("key"), "id": "msg_1", "timestamp": 1, "payload": "{}"}, "signature", "v1,"),
    ("guard", {"url": "http://127.1/"}, "allowed", False),
]


@pytest.mark.parametrize(("command", "given", "name", "expected"), DEV, ids=[case[0] for case in DEV])
def test_dev_answers_line_by_line_and_never_with_a_traceback(call, command, given, name, expected):
    lines = [json.dumps(given), "nonsense", "", "[]", "\udcff", "[" * 100_000, "{}", json.dumps(given)]
    done = call("dev", command, stdin="\n".join(lines).encode("utf-8", "surrogateescape"))
    assert done.code == 0, done
    assert done.err == ""
    assert len(done.records) == len(lines) - 1
    for answer in (done.records[0], done.records[-1]):
        assert answer[name].startswith(expected) if name == "signature" else str(answer[name]).upper() == str(expected).upper()
    assert all(isinstance(each["error"], str) for each in done.records[1:5])


@pytest.mark.slow
def test_bench_match_prints_one_object_with_its_runs(call):
    done = call("bench", "match", "--watches", "10", "--articles", "5", "--json")
    (run,) = done.records[0]["runs"]
    assert run["equal_to_brute_force"] is True
    assert "articles_per_second" in call("bench", "match", "--watches", "10", "--articles", "5").out


@pytest.mark.slow
def test_bench_extract_measures_our_own_pages_where_none_are_named(call):
    (found,) = call("bench", "extract", "--json").records
    assert found["pages"] >= 24
    assert not found["refused"]
    assert found["ratio_trafilatura"] > 0
