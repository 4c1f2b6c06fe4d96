"""From letters to sounds: words of any alphabet romanised, and romanised words as the few sounds that spellings share.

It owns the tables of each script; it must not know names, watches or how alike two words are. Words come in the normal
form of ``search.names``: lower case, without diacritics, Arabic letter forms made one.

A sound is one character. Capitals and ``q x c j w`` stand for what romanisations write in several ways: ``S`` sh, ``Z`` zh,
``C`` ch as in church, ``H`` a Latin "ch" (church, loch or chef), ``c`` ts, ``j`` a Latin or Arabic "j", ``x`` kh, ``G`` gh,
``T`` th, ``D`` dh, ``w`` between v and u, ``y`` between i and a consonant.
"""

import re
from typing import Literal

from anyascii import anyascii

Script = Literal["latin", "cyrillic", "arabic", "hebrew", "greek", "other"]

_CYRILLIC = dict(zip("абвгдежзиклмнопрстуф", "abvgdejziklmnoprstuf", strict=True)) | {
    "ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu",
    "я": "ya", "ё": "yo", "й": "i", "є": "ye", "і": "i", "ї": "i", "ґ": "g", "ў": "u", "ѣ": "e", "ђ": "dj", "ј": "y", "љ": "ly",
    "њ": "ny", "ћ": "ch", "џ": "dzh", "ѓ": "g", "ќ": "k", "ѕ": "dz", "қ": "q", "ғ": "gh", "ә": "a", "ө": "o", "ү": "u", "ұ": "u",
    "ң": "ng", "һ": "h", "ҳ": "h", "ҷ": "j", "ӣ": "i", "ӯ": "u", "җ": "j", "ҙ": "dh", "ҫ": "s", "ҡ": "q", "ҥ": "ng", "ӈ": "ng",
    "ӏ": "", "ӷ": "g", "ҭ": "th",
}  # fmt: skip
_PAIRED = {"дж": "џ", "тх": "ҭ", "дз": "ѕ"}  # two letters for one sound
_PAIRS = re.compile("|".join(_PAIRED))
_ARABIC = {
    "ا": "a", "ب": "b", "پ": "p", "ت": "t", "ٹ": "t", "ث": "th", "ج": "j", "چ": "ch", "ح": "h", "خ": "kh", "د": "d", "ڈ": "d",
    "ذ": "dh", "ر": "r", "ڑ": "r", "ز": "z", "ژ": "zh", "س": "s", "ش": "sh", "ص": "s", "ض": "d", "ط": "t", "ظ": "z", "ع": "a",
    "غ": "gh", "ف": "f", "ڤ": "v", "ق": "q", "ک": "k", "گ": "g", "ل": "l", "م": "m", "ن": "n", "ں": "n", "ه": "h", "و": "w",
    "ی": "y", "ے": "y", "ء": "", "ئ": "y", "ؤ": "w", "ړ": "r", "ښ": "sh", "ږ": "zh", "ټ": "t", "ډ": "d", "ڼ": "n", "ګ": "g",
    "ې": "e", "ۍ": "y", "ۇ": "u", "ۆ": "o", "ۈ": "u", "ۋ": "v", "ڭ": "ng", "څ": "ts", "ځ": "dz", "ڕ": "r", "ڵ": "l", "ێ": "e",
}  # fmt: skip
_HEBREW = {
    "א": "a", "ב": "b", "ג": "g", "ד": "d", "ה": "h", "ו": "w", "ז": "z", "ח": "kh", "ט": "t", "י": "y", "כ": "k", "ך": "k",
    "ל": "l", "מ": "m", "ם": "m", "נ": "n", "ן": "n", "ס": "s", "ע": "a", "פ": "p", "ף": "p", "צ": "ts", "ץ": "ts", "ק": "q",
    "ר": "r", "ש": "sh", "ת": "t", "װ": "v", "ױ": "oy", "ײ": "ey",
}  # fmt: skip
_GREEK = {
    "αι": "e", "ει": "i", "οι": "i", "υι": "i", "ου": "u", "αυ": "av", "ευ": "ev", "μπ": "b", "ντ": "d", "γκ": "g", "γγ": "ng",
    "γχ": "nkh", "τζ": "dj", "τσ": "ts", "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th",
    "ι": "i", "κ": "k", "λ": "l", "μ": "m", "ν": "n", "ξ": "ks", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t",
    "υ": "y", "φ": "f", "χ": "kh", "ψ": "ps", "ω": "o",
}  # fmt: skip
_ARMENIAN = {
    "ա": "a", "բ": "b", "գ": "g", "դ": "d", "ե": "e", "զ": "z", "է": "e", "ը": "y", "թ": "t", "ժ": "zh", "ի": "i", "լ": "l",
    "խ": "kh", "ծ": "ts", "կ": "k", "հ": "h", "ձ": "dz", "ղ": "gh", "ճ": "ch", "մ": "m", "յ": "y", "ն": "n", "շ": "sh",
    "ո": "o", "չ": "ch", "պ": "p", "ջ": "j", "ռ": "r", "ս": "s", "վ": "v", "տ": "t", "ր": "r", "ց": "ts", "ւ": "v", "փ": "p",
    "ք": "k", "օ": "o", "ֆ": "f",
}  # fmt: skip
_GEORGIAN = {
    "ა": "a", "ბ": "b", "გ": "g", "დ": "d", "ე": "e", "ვ": "v", "ზ": "z", "თ": "t", "ი": "i", "კ": "k", "ლ": "l", "მ": "m",
    "ნ": "n", "ო": "o", "პ": "p", "ჟ": "zh", "რ": "r", "ს": "s", "ტ": "t", "უ": "u", "ფ": "p", "ქ": "k", "ღ": "gh", "ყ": "q",
    "შ": "sh", "ჩ": "ch", "ც": "ts", "ძ": "dz", "წ": "ts", "ჭ": "ch", "ხ": "kh", "ჯ": "j", "ჰ": "h",
}  # fmt: skip
_LETTERS = {**_CYRILLIC, **_ARABIC, **_HEBREW, **_ARMENIAN, **_GEORGIAN}
_GREEK_PART = re.compile("|".join(_GREEK))
_ALIKE = str.maketrans("aceopxyik", "асеорхуік")  # Latin letters that are printed inside Cyrillic words by mistake
_FIRST_OF = (("\u0250", "latin"), ("\u0370", "latin"), ("\u0400", "greek"), ("\u0530", "cyrillic"), ("\u0590", "other"),
             ("\u0600", "hebrew"), ("\u0780", "arabic"))  # fmt: skip

_DIGRAPHS = {
    "shch": "S", "tsch": "C", "dzh": "j", "dsch": "j", "tch": "C", "tsj": "C", "sch": "S", "sh": "S", "zh": "Z", "kh": "x",
    "gh": "G", "dz": "j", "ch": "H", "th": "T", "dh": "D", "ph": "f", "ts": "c", "tz": "c", "dj": "j", "ck": "k", "cz": "C",
    "sz": "S", "x": "ks", "qu": "k", "oe": "u", "oo": "u", "ou": "u", "ee": "i", "aa": "a", "ce": "ce", "ci": "ci", "cy": "ci",
    "c": "k", "ij": "y",
}  # fmt: skip
_DIGRAPH = re.compile("|".join(sorted(_DIGRAPHS, key=len, reverse=True)))
_TWICE = re.compile(r"(.)\1+")


def script_of(word: str) -> Script:
    """By its last letter: a Latin one may begin a Cyrillic word by mistake."""
    last = word[-1:]
    for border, script in _FIRST_OF:
        if last < border:
            return script  # type: ignore[return-value]
    return "other"


def _letters(word: str) -> list[str]:
    """Each letter of a word in Latin ones, two or three where one has no equal."""
    script = script_of(word)
    if script == "greek":
        return [_GREEK[part] for part in _GREEK_PART.findall(word)]
    if script == "cyrillic":
        word = _PAIRS.sub(lambda pair: _PAIRED[pair[0]], word.translate(_ALIKE))
    return [_LETTERS[letter] if letter in _LETTERS else anyascii(letter).lower() for letter in word]


def romanised(word: str) -> str:
    """In Latin letters, as an explanation shows it: ``فاطمیون`` is ``fatmywn``."""
    return word if word.isascii() else "".join(_letters(word))


def sounds(word: str) -> str:
    """As sounds, with no sound twice in a row. Only in Latin do two letters make one sound, and "ch" may be any of three."""
    if script_of(word) == "latin":
        heard = _DIGRAPH.sub(lambda part: _DIGRAPHS[part[0]], romanised(word))
    else:
        heard = "".join("C" if part == "ch" else _DIGRAPH.sub(lambda part: _DIGRAPHS[part[0]], part) for part in _letters(word))
    return _TWICE.sub(r"\1", heard)
