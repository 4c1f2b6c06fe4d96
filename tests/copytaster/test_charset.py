"""The character encoding of a page."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copytaster.charset import _LABELS, _codec, decode, name_of, prescan, sniff

CORPUS = Path(__file__).parents[2].parent / "shared/corpora/encoding"


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus of encodings is absent")
def test_nearly_every_case_of_the_html_parsers_agrees(capsys):
    right = wrong = 0
    for path in sorted(CORPUS.glob("*.dat")):
        for part in re.split(rb"(?:\A|\n)#data\n", path.read_bytes()):
            data, mark, name = part.partition(b"\n#encoding\n")
            if mark:
                agrees = sniff(data) == name_of(name.strip().decode())
                right, wrong = right + agrees, wrong + (not agrees)
    with capsys.disabled():
        print(f"\nencodings: {right} of {right + wrong} agree")
    assert right + wrong == 82
    assert right >= 75


@pytest.mark.parametrize(
    ("data", "content_type", "name"),
    [
        (b"", None, "windows-1252"),
        (b"plain", None, "windows-1252"),
        (b"<meta charset=utf-8>plain", None, "UTF-8"),
        (b"<meta charset=koi8-r>plain", None, "KOI8-R"),
        (b"<meta charset=utf-16>plain", None, "UTF-8"),
        (b"<meta charset=nonsense><meta charset=big5>", None, "Big5"),
        (b"<!-- <meta charset=big5> --><meta charset=gbk>", None, "GBK"),
        (b"<meta http-equiv=content-type content='text/html; charset=Shift_JIS'>", None, "Shift_JIS"),
        (b"<meta content='text/html; charset=Shift_JIS'>", None, "windows-1252"),
        (b"<meta charset=koi8-r>plain", "text/html; charset=windows-1251", "windows-1251"),
        (b"plain", 'text/html; Charset = "windows-1251"', "windows-1251"),
        (b"plain", "text/html; charset=nonsense", "windows-1252"),
        (b"\xef\xbb\xbf<meta charset=koi8-r>", "text/html; charset=koi8-r", "UTF-8"),
        (b"\xff\xfea\x00", None, "UTF-16LE"),
        (b"\xfe\xff\x00a", None, "UTF-16BE"),
        ("<meta charset=koi8-r>Порт".encode(), "text/html; charset=windows-1251", "UTF-8"),
        ("<meta charset=koi8-r>Порт".encode("koi8-r"), None, "KOI8-R"),
        (b"<?xml version='1.0' encoding='windows-1251'?><html>", None, "windows-1251"),
        ("Порт открыт снова".encode()[:-1], None, "UTF-8"),
        ("Порт открыт снова, и суда идут".encode() + b"\xff and more", None, "UTF-8"),
        (b"caf\xe9", None, "windows-1252"),
    ],
)
def test_an_encoding_is_found(data, content_type, name):
    assert sniff(data, content_type) == name


def test_text_is_read_without_its_mark():
    assert decode(b"\xef\xbb\xbfport") == ("port", "UTF-8")
    assert decode("порт".encode("utf-16")) == ("порт", "UTF-16LE")
    assert decode(b"\x93quoted\x94", "text/html; charset=iso-8859-1") == ("“quoted”", "windows-1252")


def test_broken_bytes_do_not_change_the_rest():
    text, name = decode(b"<meta charset=utf-8>\xd0\x9f\xd0\xbe\xff\xd1\x80\xd1\x82")
    assert (text[-5:], name) == ("По\ufffdрт", "UTF-8")


@pytest.mark.parametrize("name", sorted(_LABELS))
def test_every_encoding_of_the_standard_can_be_read(name):
    assert name_of(f" {name.upper()} ") == name
    b"plain".decode(_codec(name), "replace")


def test_a_page_of_open_tags_costs_little():
    for hostile in (b"<" * 1_000_000, b"<meta charset" * 100_000, b"<a b='" * 200_000, b"charset <!--" * 90_000):
        assert prescan(hostile) is None


@given(st.binary(max_size=300), st.none() | st.text(max_size=40))
def test_no_bytes_crash_it(data, content_type):
    text, name = decode(b"<meta " + data, content_type)
    assert isinstance(text, str)
    assert name_of(name) == name
