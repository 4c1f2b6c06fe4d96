"""What ``bench match --names`` reads: real names, more of them made out of real ones, and real articles by script.

It owns the corpora's folders and how articles of one length are made of them; it must not know what is measured.
"""

import gzip
import json
import random
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from copytaster.charset import decode
from copytaster.errors import Rejected
from copytaster.text import words
from desk.demo.wire import read_all
from search.document import Document
from search.query import parse
from search.variants import can_vary

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"
NAMES = Path("names", "dev.jsonl")
WORDS = 400  # of an article, as blanks part them
SCRIPTS = ("latin", "cyrillic", "arabic")  # Persian is written in the last
_PLANTED = {"spelling", "script"}  # kinds of forms that a reader of names should know
_UNLIKE = "fragment"  # kind of near names that are one word of a name, and no name
_LEAST_LETTERS = 1_000  # of a page without a recorded text, in a script of which there is little


@dataclass(frozen=True, slots=True)
class Planted:
    """A form that was put into article ``article`` of its script: it is of name number ``name``."""

    article: int
    name: int
    printed: str


@dataclass(frozen=True, slots=True)
class Given:
    """``names`` in the order in which they become watches, the real ones first: ``real`` of them."""

    names: Sequence[str]
    real: int
    articles: Mapping[str, Sequence[Document]]
    planted: Mapping[str, Sequence[Planted]]
    told: Mapping[str, Any]  # on the input, to be printed


def given(folder: Path, *, names: int, among: int, articles: int, seed: int) -> Given:
    """``names`` so many, and up to ``articles`` of each script; every second one has a form of one of the first ``among``."""
    if not (folder / NAMES).is_file():
        raise Rejected("no_corpus", f"{folder} has no {NAMES}; --corpora names the folder that has names and articles.")
    rng = random.Random(seed)  # noqa: S311  names to be watched, no secrets
    cases = [json.loads(line) for line in (folder / NAMES).read_text("utf-8").splitlines()]
    rng.shuffle(cases)
    real = [*islice(_real(cases), names)]  # whether each is spelled takes a while
    taken = {" ".join(words(name)) for name in real}
    held = [*real, *_made(cases, taken, names - len(real), rng)]
    numbers = {name: number for number, name in enumerate(real[:among])}
    forms = [(numbers[case["watch"]], form) for case in cases if case["watch"] in numbers for form in _forms(case)]
    recorded, own = {script: [*_recorded(folder, script)] for script in SCRIPTS}, _demo()
    texts, planted = {}, {}
    for script in SCRIPTS:
        poured = [*_poured([*recorded[script], *own.get(script, ())])][:articles]
        texts[script], planted[script] = _with_forms(poured, [pair for pair in forms if script_of(pair[1]) == script])
    told = {"words": WORDS, "seed": seed, "names_real": len(real), "names_recombined": len(held) - len(real)}
    return Given(held, len(real), texts, planted, {**told, "scripts": _told(texts, planted, recorded, own)})


def script_of(text: str) -> str | None:
    """That of most letters; None where it is none of ours."""
    counts = dict.fromkeys(("latin", "cyrillic", "arabic", "other"), 0)
    for char in filter(str.isalpha, text):
        name = "latin" if char.isascii() else unicodedata.name(char, "other").partition(" ")[0].lower()
        counts[name if name in counts else "other"] += 1
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] and best != "other" else None


# -- names -------------------------------------------------------------------------------------------------------------


def _real(cases: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Those watched first, then their known forms, then near ones; of those that read alike the first."""
    near = ((name, kind) for case in cases for name, kind in zip(case["negatives"], case["neg_kind"], strict=True))
    listed = [
        *(case["watch"] for case in cases),
        *(name for case in cases for name in case["positives"]),
        *(name for name, kind in near if kind != _UNLIKE),
    ]
    taken: set[str] = set()
    for name in listed:
        folded = " ".join(words(name))
        if folded and folded not in taken and _is_spelled(name):
            taken.add(folded)
            yield name


def query(name: str) -> str:
    return '"{}"'.format(name.replace('"', " ").replace("\\", " "))


def _is_spelled(name: str) -> bool:
    """Whether other spellings of it are looked for at all: Han, kana, Thai and Hangul are matched as they are written."""
    (term,) = parse(query(name)).terms
    return can_vary(term, "strict")


def _made(cases: Sequence[Mapping[str, Any]], taken: set[str], number: int, rng: random.Random) -> Iterator[str]:
    """The first word of one real person's name and the last of another's, in the same script."""
    persons = {name for case in cases if case["type"] == "person" for name in (case["watch"], *_forms(case)) if " " in name}
    firsts: dict[str | None, list[str]] = {}
    for name in sorted(persons):
        firsts.setdefault(script_of(name), []).append(name.split()[0])
    lasts = sorted(name for name in persons if script_of(name))
    for _ in range(20 * number if lasts else 0):  # of few names few can be made
        last = rng.choice(lasts)
        made = f"{rng.choice(firsts[script_of(last)])} {last.split()[-1]}"
        folded = " ".join(words(made))
        if folded not in taken:
            taken.add(folded)
            number -= 1
            yield made
        if not number:
            return


def _forms(case: Mapping[str, Any]) -> list[str]:
    return [name for name, kind in zip(case["positives"], case["pos_kind"], strict=True) if kind in _PLANTED]


# -- articles ----------------------------------------------------------------------------------------------------------


def _recorded(folder: Path, script: str) -> Iterator[str]:
    """The texts that people recorded; of the scripts of which there are few, also pages as our own extraction reads them."""
    for truth in sorted(folder.glob("*/ground-truth.json")):
        for key, page in sorted(json.loads(truth.read_text("utf-8")).items()):
            body = page.get("articleBody")
            if body is None and script != "latin":
                body = _extracted(truth.parent / "html" / f"{key}.html.gz", page["url"], script)
            if body and script_of(body) == script:
                yield body


_LETTERS = {"cyrillic": re.compile("[\u0400-\u04ff]"), "arabic": re.compile("[\u0600-\u06ff]")}


def _extracted(path: Path, url: str, script: str) -> str | None:
    if not path.is_file():
        return None
    page = gzip.decompress(path.read_bytes())
    if len(_LETTERS[script].findall(decode(page)[0])) < _LEAST_LETTERS:
        return None
    from workers.extraction.read import extract

    try:
        return extract(page, url).text
    except Rejected:
        return None


def _demo() -> dict[str, list[str]]:
    """The demo's own articles, in the two scripts of which corpora have little."""
    found: dict[str, list[str]] = {}
    for copy in sorted(read_all(), key=lambda each: each.slug):
        text = "\n".join(copy.first.paragraphs)
        script = script_of(text)
        if script in _LETTERS and copy.copy_of is None:
            found.setdefault(script, []).append(text)
    return found


def _poured(texts: Iterable[str]) -> Iterator[list[str]]:
    """Paragraphs of articles of one length: long texts are parted, short ones follow each other, none is read twice."""
    held: list[str] = []
    room = WORDS
    for paragraph in (line for text in texts for line in text.split("\n")):
        left = paragraph.split()
        while left:
            held.append(" ".join(left[:room]))
            left, room = left[room:], room - len(left[:room])
            if not room:
                yield held
                held, room = [], WORDS
    if room < WORDS // 2:
        yield held


def _with_forms(poured: Sequence[list[str]], forms: Sequence[tuple[int, str]]) -> tuple[list[Document], list[Planted]]:
    """Every second article gets one within a sentence: hits are rare in real text, and checks need some."""
    planted = []
    for number, paragraphs in enumerate(poured):
        if forms and number % 2 == 0:
            name, form = forms[number // 2 % len(forms)]
            middle = len(paragraphs) // 2
            paragraphs[middle] = _with_form(paragraphs[middle].split(), form)
            planted.append(Planted(number, name, form))
    return [Document(text="\n".join(paragraphs)) for paragraphs in poured], planted


def _with_form(paragraph: Sequence[str], form: str) -> str:
    """Where no capital stands beside it, nor a clause ends before it."""
    small = [word[0].isalpha() and not word[0].isupper() and word[-1].isalpha() for word in paragraph]
    fit = [at for at in range(1, len(small)) if small[at - 1] and small[at]] or [len(small)]
    at = fit[len(fit) // 2]
    return " ".join([*paragraph[:at], f"{form},", *paragraph[at:]])


def _told(
    texts: Mapping[str, Sequence[Document]],
    planted: Mapping[str, Sequence[Planted]],
    recorded: Mapping[str, Sequence[str]],
    own: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    return {
        script: {
            "articles": len(texts[script]),
            "of_recorded_texts": len(recorded[script]),
            "of_the_demo_s_own": len(own.get(script, ())),
            "planted": len(planted[script]),
        }
        for script in SCRIPTS
    }
