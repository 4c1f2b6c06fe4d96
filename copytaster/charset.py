"""The character encoding of a page: by the encoding and HTML standards, but valid UTF-8 beats a wrong label.

It owns labels, byte order marks and the prescan of ``<meta>``; it must not parse HTML beyond that.
"""

import codecs
import re
from functools import lru_cache

PRESCAN_BYTES = 16_384  # the standard's 1,024 misses pages that open with comments; browsers find those while parsing
FALLBACK = "windows-1252"
_BOMS = ((b"\xef\xbb\xbf", "UTF-8"), (b"\xfe\xff", "UTF-16BE"), (b"\xff\xfe", "UTF-16LE"))
_SPACE = b"\t\n\x0c\r "
_META_ENDS = (b"\t", b"\n", b"\x0c", b"\r", b" ", b"/")
_HEADER = re.compile(r"charset\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s;,\"']+))", re.IGNORECASE)
_IN_CONTENT = re.compile(rb"charset[\t\n\x0c\r ]*=[\t\n\x0c\r ]*(?:\"([^\"]*)\"|'([^']*)'|([^\t\n\x0c\r ;\"'][^\t\n\x0c\r ;]*))")
_XML = re.compile(rb"<\?xml\s[^>]*?encoding\s*=\s*[\"']([^\"'>]+)")

# The encoding standard's names with their labels; the name itself in lower case is always one of them.
_LABELS = {
    "UTF-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf8 x-unicode20utf8",
    "IBM866": "866 cp866 csibm866",
    "ISO-8859-2": "csisolatin2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2",
    "ISO-8859-3": "csisolatin3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3",
    "ISO-8859-4": "csisolatin4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4",
    "ISO-8859-5": "csisolatincyrillic cyrillic iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988",
    "ISO-8859-6": "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6-e iso-8859-6-i "
    "iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987",
    "ISO-8859-7": "csisolatingreek ecma-118 elot_928 greek greek8 iso-ir-126 iso8859-7 iso88597 iso_8859-7 "
    "iso_8859-7:1987 sun_eu_greek",
    "ISO-8859-8": "csiso88598e csisolatinhebrew hebrew iso-8859-8-e iso-ir-138 iso8859-8 iso88598 iso_8859-8 "
    "iso_8859-8:1988 visual",
    "ISO-8859-8-I": "csiso88598i logical",
    "ISO-8859-10": "csisolatin6 iso-ir-157 iso8859-10 iso885910 l6 latin6",
    "ISO-8859-13": "iso8859-13 iso885913",
    "ISO-8859-14": "iso8859-14 iso885914",
    "ISO-8859-15": "csisolatin9 iso8859-15 iso885915 iso_8859-15 l9",
    "ISO-8859-16": "",
    "KOI8-R": "cskoi8r koi koi8 koi8_r",
    "KOI8-U": "koi8-ru",
    "macintosh": "csmacintosh mac x-mac-roman",
    "windows-874": "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620",
    "windows-1250": "cp1250 x-cp1250",
    "windows-1251": "cp1251 x-cp1251",
    "windows-1252": "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 "
    "iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii x-cp1252",
    "windows-1253": "cp1253 x-cp1253",
    "windows-1254": "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5 x-cp1254",
    "windows-1255": "cp1255 x-cp1255",
    "windows-1256": "cp1256 x-cp1256",
    "windows-1257": "cp1257 x-cp1257",
    "windows-1258": "cp1258 x-cp1258",
    "x-mac-cyrillic": "x-mac-ukrainian",
    "GBK": "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 iso-ir-58 x-gbk",
    "gb18030": "",
    "Big5": "big5-hkscs cn-big5 csbig5 x-x-big5",
    "EUC-JP": "cseucpkdfmtjapanese x-euc-jp",
    "ISO-2022-JP": "csiso2022jp",
    "Shift_JIS": "csshiftjis ms932 ms_kanji shift-jis sjis windows-31j x-sjis",
    "EUC-KR": "cseuckr csksc56011987 iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 windows-949",
    "replacement": "csiso2022kr hz-gb-2312 iso-2022-cn iso-2022-cn-ext iso-2022-kr",
    "UTF-16BE": "unicodefffe",
    "UTF-16LE": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16",
    "x-user-defined": "",
}
_NAMES = {label: name for name, labels in _LABELS.items() for label in (name.lower(), *labels.split())}
_CODECS = {  # where Python's name, or its better superset, is another
    "windows-874": "cp874",
    "ISO-8859-8-I": "iso-8859-8",
    "GBK": "gb18030",
    "Big5": "big5hkscs",
    "Shift_JIS": "cp932",
    "EUC-KR": "cp949",
    "macintosh": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "x-user-defined": "latin-1",
    "replacement": "latin-1",
}


def name_of(label: str) -> str | None:
    """The encoding standard's name for a label, or ``None`` where it knows none."""
    return _NAMES.get(label.strip("\t\n\x0c\r ").lower())


def sniff(data: bytes, content_type: str | None = None) -> str:
    """The encoding's name in the standard: byte order mark, UTF-8 if the bytes are that, header, meta, windows-1252.

    A label is believed only where the bytes do not prove UTF-8: pages moved to it long ago still say ``iso-8859-1``.
    """
    for mark, name in _BOMS:
        if data.startswith(mark):
            return name
    is_ascii = data.isascii()
    if not is_ascii and _broken_characters(data) == 0:
        return "UTF-8"
    declared = _from_header(content_type) or prescan(data)
    if declared is None and not is_ascii and _broken_characters(data) * 20 < _high_bytes(data):
        return "UTF-8"  # a few broken bytes must not turn a whole page into another encoding
    return declared or FALLBACK


def decode(data: bytes, content_type: str | None = None) -> tuple[str, str]:
    """(text, encoding's name). What can't be read becomes U+FFFD; a byte order mark is left out."""
    name = sniff(data, content_type)
    text = data.decode(_codec(name), "replace")
    return text.removeprefix("\ufeff"), name


def prescan(data: bytes) -> str | None:
    """What the first bytes declare, by the HTML standard: an XML declaration or a meta element; or ``None``."""
    head = data[:PRESCAN_BYTES]
    if not re.search(rb"charset|encoding", head, re.IGNORECASE):
        return None
    found = _XML.match(head)
    return (name_of(found[1].decode("latin-1")) if found else None) or _Prescan(head).run()


def _from_header(content_type: str | None) -> str | None:
    found = _HEADER.search(content_type or "")
    return name_of(found[1] or found[2] or found[3] or "") if found else None


def _broken_characters(data: bytes) -> int:
    """How many places are not UTF-8; a page that was cut within its last character has none, if it has others."""
    make = codecs.getincrementaldecoder("utf-8")
    decoder = make()
    try:
        decoder.decode(data)
    except UnicodeDecodeError:
        return make("replace").decode(data).count("\ufffd")
    pending = len(decoder.getstate()[0])
    return 0 if not pending or _high_bytes(data) > pending else 1


def _high_bytes(data: bytes) -> int:
    return len(data) - len(data.translate(None, bytes(range(128, 256))))


@lru_cache(maxsize=64)
def _codec(name: str) -> str:
    return codecs.lookup(_CODECS.get(name, name)).name


class _Prescan:
    """One walk over the bytes; ``at`` is where it stands."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def run(self) -> str | None:
        while (start := self.data.find(b"<", self.at)) >= 0:
            self.at = start
            if found := self._tag():
                return found
        return None

    def _tag(self) -> str | None:
        """Reads what stands at ``<`` and goes beyond it; the encoding where it is a meta that declares one."""
        data, at = self.data, self.at
        if data.startswith(b"<!--", at):
            end = data.find(b"-->", at + 2)  # ``<!-->`` is a whole comment
            self.at = end + 3 if end >= 0 else len(data)
        elif data[at : at + 5].lower() == b"<meta" and data[at + 5 : at + 6] in _META_ENDS:
            self.at += 6
            return self._meta()
        elif data[at + 1 : at + 2].isalpha() or (data[at + 1 : at + 2] == b"/" and data[at + 2 : at + 3].isalpha()):
            while self.at < len(data) and data[self.at] not in _SPACE + b">":
                self.at += 1
            while self._attribute():
                pass
        elif data[at + 1 : at + 2] in (b"!", b"/", b"?"):
            end = data.find(b">", at)
            self.at = end + 1 if end >= 0 else len(data)
        else:
            self.at += 1
        return None

    def _meta(self) -> str | None:
        seen: set[bytes] = set()
        got_pragma, need_pragma, label = False, None, b""
        while attribute := self._attribute():
            name, value = attribute
            if name in seen:
                continue
            seen.add(name)
            if name == b"http-equiv":
                got_pragma = value == b"content-type"
            elif name == b"content" and not label and (found := _IN_CONTENT.search(value)):
                label, need_pragma = found[1] or found[2] or found[3] or b"", True
            elif name == b"charset":
                label, need_pragma = value, False
        if self.at >= len(self.data) or need_pragma is None or (need_pragma and not got_pragma):
            return None  # a tag that does not end is none
        named = name_of(label.decode("latin-1"))
        return {"UTF-16BE": "UTF-8", "UTF-16LE": "UTF-8", "x-user-defined": FALLBACK}.get(named or "", named)

    def _attribute(self) -> tuple[bytes, bytes] | None:
        """(name, value) in lower case, or ``None`` at the end of the tag or of the bytes."""
        self._skip(_SPACE + b"/")
        if self.at >= len(self.data) or self.data[self.at] == 0x3E:
            return None
        start = self.at
        self.at += 1  # a leading ``=`` belongs to the name
        while self.at < len(self.data) and self.data[self.at] not in _SPACE + b"/>=":
            self.at += 1
        name = self.data[start : self.at].lower()
        self._skip(_SPACE)
        if self.data[self.at : self.at + 1] != b"=":
            return name, b""
        self.at += 1
        self._skip(_SPACE)
        return name, self._value().lower()

    def _value(self) -> bytes:
        quote = self.data[self.at : self.at + 1]
        start = self.at
        if quote in (b'"', b"'"):
            end = self.data.find(quote, start + 1)
            self.at = end + 1 if end >= 0 else len(self.data)
            return self.data[start + 1 : end] if end >= 0 else b""
        while self.at < len(self.data) and self.data[self.at] not in _SPACE + b">":
            self.at += 1
        return self.data[start : self.at]

    def _skip(self, these: bytes) -> None:
        while self.at < len(self.data) and self.data[self.at] in these:
            self.at += 1
