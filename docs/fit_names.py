# /// script
# requires-python = ">=3.11"
# dependencies = ["scikit-learn>=1.7,<2", "numpy>=2,<3"]
# ///
"""Fit search/name_scorer.json: ``.venv/bin/uv pip install scikit-learn``, then ``.venv/bin/python docs/fit_names.py``.

Names with known forms and near names (corpora/names/dev.jsonl) stand in a sentence each, and are read as an article is. So is
running text, with the same names as watches: what is read there is no form of the name, but where a person judged that it is
(tests/search/names_judged.json), as well known names are that a person told apart.
Five folds by watch tell the recall at each precision for names that were not seen.
"""

import json
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from copytaster.text import Placed, words  # noqa: E402
from search.name_held import may_be_sure  # noqa: E402
from search.name_measures import Measures, context, measures  # noqa: E402
from search.name_parts import Name  # noqa: E402
from search.name_scorer import TOGETHER  # noqa: E402
from search.name_spelling import spelled_words  # noqa: E402
from search.name_table import Found, Names  # noqa: E402
from search.name_tokens import Tokens  # noqa: E402

CORPORA = ROOT.parent / "shared" / "corpora"
JUDGED = ROOT / "tests/search/names_judged.json"
WRITTEN = ROOT / "search/name_scorer.json"
SCORED = {"spelling", "script", "fold"}
WITHIN, AT_FIRST = "On Monday the report named {}, officials said.", "{} was named by the report on Monday."
TREES, DEPTH, RATE, SMALLEST_LEAF, SHARE, SEED = 300, 5, 0.05, 15, 0.5, 1
JUDGED_WEIGHT = 5.0
MARGIN = 0.3  # below what was seen so far, a reading is let through even so
LEVELS = {"wide": 0.9505, "strict": 0.9803}  # precision on names not seen; a little above .95 and .98


class Read(NamedTuple):
    """A reading of watch number ``watch``; ``right`` whether it is a form of its name."""

    watch: int
    measured: Measures
    right: bool
    form: int  # 1 and up; -1 where it counts for fitting alone
    printed: str = ""
    weight: float = 1.0
    sure: bool = True


def cases() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CORPORA / "names/dev.jsonl").read_text("utf-8").splitlines()]


def found_in(names: Names[int], tokens: Tokens) -> list[Found[int]]:
    """In an order of their own, for what is fitted depends a little on it."""
    return sorted(names.find(tokens), key=lambda each: (each.key, each.reading.start, each.reading.end, each.reading.cost))


def read(found: Found[int], tokens: Tokens, *, right: bool, form: int, printed: str) -> Read:
    measured = measures(found.name, found.reading, context(found.reading, tokens))
    return Read(found.key, measured, right, form, printed, sure=may_be_sure(found.name, found.reading))


def of_forms(held: Sequence[dict[str, Any]]) -> Iterator[Read]:
    """Each form as it is given, and for fitting alone as it is declined, and at the beginning of a sentence."""
    number = 0
    for watch, case in enumerate(held):
        names: Names[int] = Names()
        names.add(watch, Name(spelled_words(case["watch"])))
        forms = [(form, True) for form, kind in zip(case["positives"], case["pos_kind"], strict=True) if kind in SCORED]
        for form, right in [*forms, *((form, False) for form in case["negatives"])]:
            number += 1
            fitted_alone = [WITHIN.format(each) for each in (*with_patronymic(form), *declensions(form)[number % 3 :: 3])]
            if number % 2:
                fitted_alone.append(AT_FIRST.format(form))
            for text, counted in [(WITHIN.format(form), number), *((text, -1) for text in fitted_alone)]:
                tokens = Tokens(Placed(text))
                for found in found_in(names, tokens):
                    yield read(found, tokens, right=right, form=counted, printed=form)


def of_judged_forms(first: int) -> Iterator[Read]:
    """Well known names, each with forms and with others that look like it, told by a person. For fitting alone."""
    for watch, (name, (right, wrong)) in enumerate(json.loads(JUDGED.read_text("utf-8"))["forms"].items(), first):
        names: Names[int] = Names()
        names.add(watch, Name(spelled_words(name)))
        for printed, is_right in [*((form, True) for form in right), *((form, False) for form in wrong)]:
            tokens = Tokens(Placed(WITHIN.format(printed)))
            for found in found_in(names, tokens):
                yield read(found, tokens, right=is_right, form=-1, printed=printed)._replace(weight=JUDGED_WEIGHT)


def with_patronymic(form: str) -> list[str]:
    """Two words in Cyrillic with one between, as Russian papers print them."""
    parts = form.split()
    if _is_cyrillic(form[-1:].lower()) and len(parts) == 2 and all(part[:1].isupper() for part in parts):
        return [f"{parts[0]} Иванович {parts[1]}"]
    return []


def _is_cyrillic(letter: str) -> bool:
    return "\u0430" <= letter <= "\u045f"


def declensions(form: str) -> list[str]:
    """Some that are regular: of the last word in Cyrillic, by prefixes in Arabic."""
    end = form[-1:].lower()
    if "\u0600" <= end <= "\u06ff":
        return [f"{prefix}{form}" for prefix in "وبل"]
    if not _is_cyrillic(end):
        return []
    stem, endings = form, "а у ом"
    if form.lower().endswith(("кий", "кии")):
        stem, endings = form[:-2], "ого ому им"
    elif end == "а":
        stem, endings = form[:-1], "ы у е"
    elif end in "оеиыуюяйьэёії":
        return []
    return [stem + (ending.upper() if form.isupper() else ending) for ending in endings.split()]


def of_running_text(held: Sequence[dict[str, Any]]) -> Iterator[Read]:
    judged = {(watch, printed) for watch, printed in json.loads(JUDGED.read_text("utf-8"))["right"]}
    names: Names[int] = Names()
    for number, case in enumerate(held):
        names.add(number, Name(spelled_words(case["watch"])))
    for folder in ("articles", "articles-world"):
        for page in json.loads((CORPORA / folder / "ground-truth.json").read_text("utf-8")).values():
            placed = Placed(page["articleBody"])
            tokens = Tokens(placed)
            for found in found_in(names, tokens):
                reading, watch = found.reading, held[found.key]["watch"]
                printed = placed.text[placed.place(reading.start)[0] : placed.place(reading.end - 1)[1]]
                if words(printed) != words(watch):
                    yield read(found, tokens, right=(watch, printed) in judged, form=-1, printed=printed)


def fitted(reads: Sequence[Read]) -> GradientBoostingClassifier:
    model = GradientBoostingClassifier(
        n_estimators=TREES, max_depth=DEPTH, learning_rate=RATE, subsample=SHARE, max_features=SHARE,
        min_samples_leaf=SMALLEST_LEAF, random_state=SEED,
    )  # fmt: skip
    return model.fit(
        np.array([read.measured for read in reads], float), [read.right for read in reads], [read.weight for read in reads]
    )


def scores(model: GradientBoostingClassifier, reads: Sequence[Read]) -> Any:
    return model.predict_proba(np.array([read.measured for read in reads], float))[:, 1]


def unseen(reads: Sequence[Read], watches: int) -> Any:
    """The score of each reading by a model that has not seen its watch."""
    fold = np.random.RandomState(SEED).randint(0, 5, watches)[[read.watch for read in reads]]
    told = np.zeros(len(reads))
    for number in range(5):
        model = fitted([read for read, of in zip(reads, fold, strict=True) if of != number])
        told[fold == number] = scores(model, [read for read, of in zip(reads, fold, strict=True) if of == number])
    return told


def least(reads: Sequence[Read], told: Any, precision: float) -> tuple[float, float, int]:
    """The lowest score at which this precision holds among the forms; it, the precision and how many are found there."""
    best: dict[int, tuple[float, bool]] = {}
    for read, score in zip(reads, told, strict=True):
        if read.form >= 0:
            best[read.form] = max(best.get(read.form, (0.0, False)), (float(score), read.right))
    ordered = sorted(best.values(), reverse=True)
    right = np.cumsum([each for _, each in ordered])
    share = right / np.arange(1, len(ordered) + 1)
    last = int(np.flatnonzero(share >= precision)[-1])
    return ordered[last][0], float(share[last]), int(right[last])


def trees(model: GradientBoostingClassifier) -> list[list[list[float]]]:
    """Of each: measure (-1 in a leaf), border or value, and the next nodes."""
    made = []
    for estimator in model.estimators_[:, 0]:
        tree = estimator.tree_
        leaf = tree.children_left < 0
        values = np.where(leaf, tree.value[:, 0, 0] * RATE, tree.threshold)
        measure = np.where(leaf, -1, tree.feature)
        rounded = [round(float(value), 6) for value in values]
        made.append([measure.tolist(), rounded, tree.children_left.tolist(), tree.children_right.tolist()])
    return made


def gates(model: GradientBoostingClassifier, reads: Sequence[Read], border: float) -> list[float]:
    """What the trees so far say at least of readings that count from this border on, after so many as the scorer sums at once."""
    counting = [read for read, score in zip(reads, scores(model, reads), strict=True) if score >= border]
    staged = model.staged_decision_function(np.array([read.measured for read in counting], float))
    sums = [float(told.min()) for number, told in enumerate(staged, 1) if number % TOGETHER == 0 or number == TREES]
    return [round(told - MARGIN, 3) for told in sums]


def main() -> None:
    held = cases()
    forms = list(of_forms(held))
    running = list(of_running_text(held))
    wanted = sum(kind in SCORED for case in held for kind in case["pos_kind"])
    reads = [*forms, *running, *of_judged_forms(len(held))]
    told = unseen(reads, max(read.watch for read in reads) + 1)
    borders = {}
    for level, precision in LEVELS.items():
        if level == "strict":
            told *= [read.sure for read in reads]
        border, share, found = least(reads, told, precision)
        borders[level] = round(border, 4)
        false = sum(score >= border and not read.right for read, score in zip(running, told[len(forms) :], strict=False))
        print(  # noqa: T201
            f"{level}: from {border:.3f} on, of names not seen: recall {found / wanted:.4f} precision {share:.4f};"
            f" {false} false readings in running text"
        )
    model = fitted(reads)
    base = float(model.init_.class_prior_[1])
    numbers = {
        "measures": Measures._fields,
        "base": float(np.log(base / (1 - base))),
        "least": borders,
        "gates": {level: gates(model, reads, border) for level, border in borders.items()},
        "trees": trees(model),
    }
    WRITTEN.write_text(json.dumps(numbers, separators=(",", ":")) + "\n")
    (ROOT / "build").mkdir(exist_ok=True)
    shown = sorted(
        zip(scores(model, running), (held[read.watch]["watch"] for read in running), running, strict=True), reverse=True
    )
    report = "".join(f"{score:.3f}\t{watch}\t{read.printed}\n" for score, watch, read in shown)
    (ROOT / "build/running.txt").write_text(report)


if __name__ == "__main__":
    main()
