"""``copytaster match``: the offline formats, in order, with bad lines told and nothing else lost."""

import json

from desk.offline_match import match_lines


def lines(*values):
    return [value if isinstance(value, str | bytes) else json.dumps(value) for value in values]


def test_matches_come_by_article_then_watch_with_documented_keys():
    watches = lines({"id": "w2", "query": "ant"}, {"id": 1, "query": '"ant bee" OR wasp', "level": "exact"})
    articles = lines(
        {"id": "a", "url": "https://x.example/", "title": "Bee", "text": "An ant bee 😀 ANT"},
        {"id": "b", "url": "https://x.example/b", "title": "none", "text": None},
        {"id": "c", "url": None, "title": "wasp", "text": "", "language": "en"},
    )
    found = list(match_lines(watches, articles))
    assert [(line["watch"], line["article"]) for line in found] == [("w2", "a"), (1, "a"), (1, "c")]
    assert found[0]["hits"][1] == {
        "field": "text", "start": 13, "end": 16, "printed": "ANT", "term": "ant", "kind": "folded", "score": 1.0,
        "why": found[0]["hits"][1]["why"],
    }  # fmt: skip
    assert json.loads(json.dumps(found)) == found


def test_a_bad_line_is_told_and_the_rest_is_done():
    watches = lines(
        "{", '["a"]', {"id": "a", "query": '"open'}, {"query": "x"}, {"id": "b", "query": "ant", "level": "loose"},
        b"\xff\xfe", {"id": "ok", "query": "ant"}, {"id": "ok", "query": "bee"}, {"id": True, "query": "x"}, "", "[" * 100_000,
        {"id": "c", "query": 7}, {"id": "d", "query": "ant", "aliases": "x"},
    )  # fmt: skip
    articles = lines("nonsense", "1" * 10_000, {"id": "x", "text": "ant"}, {"id": "y", "text": ["ant"]}, {"text": "ant"})
    found = list(match_lines(watches, articles))
    errors = [line["error"] for line in found if "error" in line]
    assert [error.split(":")[0] for error in errors] == [
        *(f"Line {number} of the watches" for number in (1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 13)),
        *(f"Line {number} of the articles" for number in (1, 2, 4, 5)),
    ]
    assert "At character 1: the quote is never closed" in errors[2]
    assert [(line["watch"], line["article"]) for line in found if "watch" in line] == [("ok", "x")]


def test_line_separators_inside_a_text_end_no_line(tmp_path):
    article = tmp_path / "articles.jsonl"
    article.write_bytes('{"id":"a","text":"one\u2028two\u0085ant"}\r\n{"id":"b","text":"ant"}'.encode())
    with article.open("rb") as stream:
        found = list(match_lines(lines({"id": "w", "query": "ant"}), stream))
    assert [(line["article"], line["hits"][0]["start"]) for line in found] == [("a", 8), ("b", 0)]


def test_aliases_and_vetoes_are_heeded():
    watches = lines({"id": "w", "query": "ant*", "aliases": ["H.T.S."], "vetoes": ["antler"]})
    articles = lines({"id": "a", "text": "antler"}, {"id": "b", "text": "H.T.S. and ants"})
    (found,) = match_lines(watches, articles)
    assert [hit["printed"] for hit in found["hits"]] == ["H.T.S", "ants"]
    assert [hit["kind"] for hit in found["hits"]] == ["exact", "exact"]
