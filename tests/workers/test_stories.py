"""Near-duplicates: copies find each other, strangers and templates do not, an edit is told from noise."""

import datetime as dt
import json
import pathlib
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import stories
from workers.stories import (
    Candidate,
    Signature,
    buckets,
    canonical_alias,
    choose_story,
    revision_differs,
    same_story,
    signature,
    similarity,
)

CORPORA = pathlib.Path(__file__).parents[2].parent / "shared/corpora"
NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
SYLLABLES = [
    "ka",
    "lo",
    "mi",
    "ren",
    "tus",
    "ar",
    "bel",
    "no",
    "vi",
    "sho",
    "ta",
    "gri",
    "pel",
    "um",
    "der",
    "os",
    "fen",
    "la",
    "qui",
    "zor",
    "hab",
    "ne",
    "sti",
    "wo",
]


def invented(seed, words=300):
    """A text of made-up words that follow each other as real ones do: a few very often, many rarely."""
    rng = random.Random(seed)
    lexicon = ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(1_500)]
    return " ".join(lexicon[min(int(rng.paretovariate(0.7)), 1_499)] for _ in range(words))


def edited(text, share, seed):
    """``share`` of the words changed, dropped or joined by another."""
    rng = random.Random(seed)
    out = []
    for word in text.split():
        if rng.random() >= share:
            out.append(word)
        else:
            out += rng.choice([[], ["".join(rng.choices(SYLLABLES, k=3))], [word, "".join(rng.choices(SYLLABLES, k=2))]])
    return " ".join(out)


def found(one, other):
    return bool(set(buckets(one)) & set(buckets(other))) and same_story(one, other)


def test_copies_with_one_word_in_ten_changed_are_one_story():
    """At least 98 in 100, by bucket and by comparison."""
    pairs = [(invented(seed), seed) for seed in range(200)]
    hits = sum(found(signature(text), signature(edited(text, 0.1, seed))) for text, seed in pairs)
    assert hits >= 196


def test_strangers_are_never_one_story():
    """Every pair of two hundred texts that share their words' frequencies."""
    signed = [signature(invented(seed, 150)) for seed in range(200)]
    assert not [1 for number, one in enumerate(signed) for other in signed[:number] if same_story(one, other)]


@pytest.mark.parametrize("corpus", ["articles", "articles-world"])
def test_real_articles_do_not_merge_and_their_copies_do(corpus):
    """Each pair of different articles apart, each copy with one word in twenty changed together."""
    truth = CORPORA / corpus / "ground-truth.json"
    if not truth.exists():
        pytest.skip(f"the corpus is absent: {truth}")
    texts = [told["articleBody"] for told in json.loads(truth.read_text("utf-8")).values()]
    signed = [signature(text) for text in texts]
    merged = {
        (one, other) for one in range(len(texts)) for other in range(one) if same_story(signed[one], signed[other])
        and texts[one][:100] != texts[other][:100]  # the corpus holds one article in two versions
    }  # fmt: skip
    assert merged == set()
    spaced = [(text, sign) for text, sign in zip(texts, signed, strict=True) if len(text.split()) > 100]
    assert sum(found(sign, signature(edited(text, 0.05, 7))) for text, sign in spaced) >= 0.98 * len(spaced)


WEATHER = (
    "Wetter in {}: Am {} erreichen die Temperaturen {} Grad, in der Nacht sinken sie auf {} Grad. Der Wind weht mit {} "
    "Kilometern in der Stunde aus Westen, die Regenwahrscheinlichkeit liegt bei {} Prozent."
)
RESULTS = "Full time: {} {} {} {}. The goals fell in the {} and the {} minute before a crowd of {}."
RATES = "USD/{} closed at {} on Tuesday, {} percent against the day before; gold stood at {} and oil at {} dollars."
GAMES = [("Ashford", 2, 1, "Elm", 14, 77, 4210), ("Elm", 0, 3, "Oakley", 33, 81, 2977), ("Oakley", 1, 1, "Ashford", 9, 60, 5120)]
TEMPLATES = [
    (WEATHER, [("Ulm", 3, 21, 9, 14, 40), ("Ulm", 4, 17, 6, 25, 80), ("Hof", 4, 12, 2, 31, 75)]),
    (RESULTS, GAMES),
    (RATES, [("TRY", "34.10", "0.3", 2650, 71), ("JPY", "151.22", "1.1", 2611, 74), ("UAH", "41.35", "0.2", 2702, 69)]),
]


@pytest.mark.parametrize(("template", "fillings"), TEMPLATES, ids=["weather", "results", "rates"])
def test_reports_made_from_one_template_stay_apart(template, fillings):
    """They share most words and differ in the numbers."""
    signed = [signature(template.format(*values)) for values in fillings]
    assert not [1 for number, one in enumerate(signed) for other in signed[:number] if same_story(one, other)]
    assert same_story(signed[0], signature(template.format(*fillings[0])))


def test_very_short_texts_are_one_story_only_word_by_word():
    """A flash of six words."""
    assert same_story(signature("Earthquake felt in the whole valley"), signature("EARTHQUAKE felt in the whole valley!"))
    assert not same_story(signature("Earthquake felt in the whole valley"), signature("Earthquake felt in the upper valley"))
    assert not same_story(signature(""), signature(""))
    assert buckets(signature("")) == []


def test_scripts_without_spaces_have_stories_too():
    """A copy with a few words changed, and another article."""
    text = (
        "历时三年的古城墙修缮工程近日完工，东门至北门之间一千二百米的城墙重新对游客开放。修缮期间，工人们更换了两万多块破损的城砖，并加固了"
        "三处有倒塌危险的墙体。负责工程的总工程师介绍说，所有新砖都按照明代的尺寸烧制，背面刻有年份，以便后人分辨。"
    )
    other = (
        "港口新开通的渡轮航线昨日首航，载着三百多名乘客驶往对岸的小岛。航程约四十分钟，每天往返六班，票价与公交车相同。岛上居民说，过去看病"
        "上学都要绕行大桥，如今孩子们可以自己坐船去学校，老人也方便多了。"
    )
    copy = text.replace("近日完工", "本周竣工").replace("工人们", "施工队")
    assert found(signature(text), signature(copy))
    assert not same_story(signature(text), signature(other))


def test_a_signature_is_the_same_in_every_process_and_after_storing():
    """A golden value: if it changes, stored signatures must be made again and the format number raised."""
    text = "The council met on Tuesday and agreed to mend the old bridge over the river Ash for 14 million."
    code = f"from workers.stories import *; s=signature({text!r}); print(s.to_bytes().hex(), *buckets(s))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=pathlib.Path(__file__).parents[2]
    )
    told, *kept = run.stdout.split()
    assert bytes.fromhex(told) == signature(text).to_bytes()
    assert [int(one) for one in kept] == buckets(signature(text))
    assert signature(text).least[:3] == GOLDEN
    assert all(-(2**63) <= one < 2**63 for one in buckets(signature(text)))


GOLDEN = (1867301006, 2241985769, 3115217693)


@given(st.text(max_size=400))
def test_a_stored_signature_comes_back_equal(text):
    """Whatever the text."""
    signed = signature(text)
    assert Signature.from_bytes(signed.to_bytes()) == signed
    assert similarity(signed, signed) in {0.0, 1.0}


def test_a_signature_of_another_format_is_not_compared():
    """It must be made again."""
    with pytest.raises(ValueError, match="make it again"):
        Signature.from_bytes(b"\xff" + signature("a b c").to_bytes()[1:])


def test_the_most_alike_story_within_three_days_is_chosen():
    """The older one wins a tie, an old one is out."""
    text = invented(1)
    near, same = signature(edited(text, 0.08, 3)), signature(text)
    story = [
        Candidate("late", same, NOW - dt.timedelta(hours=73)),
        Candidate("near", near, NOW - dt.timedelta(hours=2)),
        Candidate("second", same, NOW - dt.timedelta(hours=1)),
        Candidate("first", same, NOW - dt.timedelta(hours=72)),
        Candidate("other", signature(invented(2)), NOW),
    ]
    assert choose_story(story, same, NOW) == "first"
    assert choose_story(story[:2], same, NOW) == "near"
    assert choose_story(story[:1], same, NOW) is None
    assert choose_story([], same, NOW) is None


def test_stories_do_not_chain():
    """A third text like the second but unlike the first is a story of its own: only the first is compared."""
    first = invented(5)
    second = edited(first, 0.14, 1)
    third = edited(edited(second, 0.2, 2), 0.2, 3)
    candidate = Candidate("story", signature(first), NOW)
    assert choose_story([candidate], signature(second), NOW) == "story"
    assert choose_story([candidate], signature(third), NOW) is None


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("The mayor, Ann Lee, spoke.", "The mayor,  Ann Lee, spoke!", False),
        ("THE MAYOR spoke.", "The mayor spoke.", False),
        ("Posted 5 minutes ago. The mayor spoke.", "Posted 2 hours ago. The mayor spoke.", False),
        ("The mayor spoke. 12 comments", "The mayor spoke. 1,204 comments", False),
        ("Мэр выступил. 5 минут назад", "Мэр выступил. 40 минут назад", False),
        ("市长讲话。5分钟前", "市长讲话。40分钟前", False),
        ("The mayor, Ann Lee, spoke.", "The mayor, Ann Leigh, spoke.", True),
        ("It cost 14 million.", "It cost 41 million.", True),
        ("He was dead.", "He was not dead.", True),
        ("She left two days before.", "She left three days before.", True),
    ],
)
def test_an_edit_is_a_changed_word_not_a_counter(old, new, expected):
    """One corrected name counts, in however long an article."""
    long = invented(9, 800)
    assert revision_differs(f"{old} {long}", f"{new} {long}") is expected
    assert revision_differs(old, old) is False


TEXT, OTHER = invented(11), invented(12)


@pytest.mark.parametrize(
    ("canonical", "theirs", "expected"),
    [
        ("https://www.news.example/a/story", TEXT, True),
        ("https://news.example/a/story", edited(TEXT, 0.03, 1), True),
        ("https://news.example/a/story", OTHER, False),
        ("https://news.example/a/story", None, False),
        ("https://news.example/", TEXT, False),
        ("https://syndicator.example/a/story", TEXT, False),
        (None, TEXT, False),
    ],
)
def test_a_canonical_address_is_an_alias_only_on_the_site_and_with_the_same_text(canonical, theirs, expected):
    """Sites exist where every page names the home page."""
    theirs = None if theirs is None else signature(theirs)
    assert canonical_alias("https://m.news.example/a/story?from=feed", canonical, signature(TEXT), theirs) is expected


def test_a_signature_takes_little_room_and_time():
    """About 400 bytes; the window is the one that the architecture names."""
    assert len(signature(TEXT).to_bytes()) < 500
    assert dt.timedelta(hours=72) == stories.WINDOW
