"""Near-duplicates to one story: signatures, buckets to find candidates by, and the decision; pure.

It owns what "the same story" and "a changed article" mean; it must not know where signatures and buckets are kept.
"""

import datetime as dt
import hashlib
import itertools
import re
import struct
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from operator import eq
from urllib.parse import urlsplit

from copytaster.news import StoryId

WINDOW = dt.timedelta(hours=72)
SAME = 0.5  # one word in ten changed leaves about 0.68 of the word pairs; two articles on one event share under 0.2
SAME_SHORT = 0.6  # short texts of one template (weather, tickers, results) share half of their pairs
SHORT_WORDS = 80
CERTAIN = 0.85  # so alike that numbers need not speak for it, except in short texts
FEWEST_WORDS = 12  # shorter texts are one story only if they are the same words
_PERMUTATIONS = 96
_BANDS, _ROWS = 24, 3  # a copy at 0.68 is found with 0.9999, one at 0.5 with 0.96, a stranger at 0.1 with 0.02
_SEED = 1_605_432_017
_FORMAT = 1  # rensa's signatures may change with its version; a stored one of another format is never compared
_HEAD = struct.Struct("<BBIB")
_MOST_NUMBERS = 40
_WORD = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]|[^\W_]+(?:['’][^\W_]+)*"
)


@dataclass(frozen=True, slots=True)
class Signature:
    """What is kept of a text to tell copies of it: the least hashes of its word pairs, its length, its numbers."""

    least: tuple[int, ...]
    words: int
    numbers: frozenset[int]

    def to_bytes(self) -> bytes:
        """The same on every machine; about 400 bytes."""
        numbers = sorted(self.numbers)
        head = _HEAD.pack(_FORMAT, len(self.least), self.words, len(numbers))
        return head + struct.pack(f"<{len(self.least)}I{len(numbers)}H", *self.least, *numbers)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Signature":
        form, count, words, numbers = _HEAD.unpack_from(data)
        if form != _FORMAT:
            raise ValueError(f"The signature has format {form}, not {_FORMAT}; make it again from the text.")
        values = struct.unpack_from(f"<{count}I{numbers}H", data, _HEAD.size)
        return cls(values[:count], words, frozenset(values[count:]))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A story that shares a bucket: ``signature`` is that of its first article, the only one compared with."""

    story_id: StoryId
    signature: Signature
    started_at: dt.datetime


def signature(text: str) -> Signature:
    """Of an article's text; scripts without spaces count each character as a word."""
    from rensa import RMinHash

    words = _words(text)
    pairs = [f"{first} {second}" for first, second in itertools.pairwise(words)] or words
    sketch = RMinHash(num_perm=_PERMUTATIONS, seed=_SEED)
    sketch.update(pairs)
    numbers = sorted({_hash(word.encode()) & 0xFFFF for word in words if word[0].isdigit()})[:_MOST_NUMBERS]
    return Signature(tuple(sketch.digest()), len(words), frozenset(numbers))


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _hash(data: bytes) -> int:
    """64 bits, signed, so that it fits an SQL ``BIGINT``."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little", signed=True)


def buckets(signed: Signature) -> list[int]:
    """Stable ids to store with a story's first article: two texts that share one may be the same story."""
    if not signed.words:
        return []
    bands = (signed.least[start : start + _ROWS] for start in range(0, _BANDS * _ROWS, _ROWS))
    return [_hash(struct.pack(f"<BB{_ROWS}I", _FORMAT, number, *band)) for number, band in enumerate(bands)]


def similarity(one: Signature, other: Signature) -> float:
    """The estimated share of word pairs that two texts have in common, 0 to 1."""
    if not one.words or not other.words or len(one.least) != len(other.least):
        return 0.0
    return float(sum(map(eq, one.least, other.least)) / len(one.least))


def same_story(one: Signature, other: Signature) -> bool:
    """Whether one text is a copy of the other, edits included."""
    alike, shorter = similarity(one, other), min(one.words, other.words)
    if shorter < FEWEST_WORDS:
        return alike == 1.0 and one.words == other.words and one.numbers == other.numbers
    if shorter < SHORT_WORDS:
        return alike >= SAME_SHORT and _agree(one.numbers, other.numbers, at_least=2)
    return alike >= SAME and (alike >= CERTAIN or _agree(one.numbers, other.numbers, at_least=6))


def _agree(one: frozenset[int], other: frozenset[int], *, at_least: int) -> bool:
    """Copies keep most of their numbers; yesterday's weather and today's differ in little else."""
    return len(one | other) < at_least or len(one & other) * 2 >= len(one | other)


def choose_story(candidates: Sequence[Candidate], signed: Signature, now: dt.datetime) -> StoryId | None:
    """The story that an article read at ``now`` belongs to: the most alike, then the oldest; ``None``: a new one."""
    fitting = [one for one in candidates if abs(now - one.started_at) <= WINDOW and same_story(one.signature, signed)]
    best = min(fitting, key=lambda one: (-similarity(one.signature, signed), one.started_at, one.story_id), default=None)
    return best.story_id if best else None


# What a page counts while nobody edits it. Anything else that changes a word is a change: a name or number corrected
# in a long article is just what a watcher must hear of, and a share of changed words would hide it.
_COUNTED = re.compile(
    r"\b\d[\d.,  ]*\s*(?:(?:seconds?|minutes?|mins?|hours?|hrs?|days?|weeks?)\s+ago|(?:comments?|views?|shares?|likes?|reads?)\b)"
    r"|\b(?:vor|il y a|hace|há)\s+\d+\s+\w+"
    r"|\d+\s+(?:секунд\w*|минут\w*|хвилин\w*|час\w*|годин\w*|дн\w*|дня|день)\s+(?:назад|тому)"
    r"|\d+\s+(?:saniye|dakika|saat|gün)\s+önce|(?:منذ|قبل)\s+\d+\s+\w+|\d+\s+(?:ثانیه|دقیقه|ساعت|روز)\s+(?:پیش|قبل)"
    r"|\d+\s*(?:秒|分钟|分鐘|分|小时|小時|時間|天|日|분|시간|일)\s*[前전]"
    r"|\b\d[\d.,  ]*\s*(?:kommentare?|commentaires?|comentarios?|просмотр\w*|комментари\w*|перегляд\w*)"
    r"|\b\d[\d.,  ]*\s*(?:yorum|görüntülenme|مشاهدة|تعليق\w*|نظر|بازدید)",
    re.IGNORECASE,
)


def revision_differs(old_text: str, new_text: str) -> bool:
    """Whether a re-read article is a new revision: any word changed, case, punctuation, spacing and counters aside."""
    if old_text == new_text:
        return False
    return _words(_COUNTED.sub(" ", old_text)) != _words(_COUNTED.sub(" ", new_text))


def canonical_alias(found_url: str, canonical_url: str | None, mine: Signature, theirs: Signature | None) -> bool:
    """Whether ``canonical_url`` is only another name of the page at ``found_url``.

    ``theirs`` is the signature of what was read at the canonical address, ``None`` if nothing was: then it is no alias
    yet. Sites exist where every page names the home page, or the front of its section.
    """
    if not canonical_url or theirs is None:
        return False
    found, named = urlsplit(found_url), urlsplit(canonical_url)
    if named.path.strip("/") == "" and not named.query:
        return False
    return _site(found.hostname) == _site(named.hostname) != "" and same_story(mine, theirs)


def _site(host: str | None) -> str:
    return re.sub(r"^(?:www\d?|m|amp|mobile)\.", "", host or "")
