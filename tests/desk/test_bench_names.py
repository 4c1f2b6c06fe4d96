"""``bench match --names``: what is given, what is timed, and checks that fail where a matcher errs."""

import dataclasses
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from copytaster.errors import Permanent, Rejected
from copytaster.text import words
from copytaster.watches import WatchId
from desk.bench import apart, names, names_given, names_peers, names_run, peers
from desk.bench.stopwatch import Stopwatch
from search.document import Document
from search.matcher import Found, Matcher
from search.query import parse

CASES = [
    ("Kataib Hezbollah", "org", ["Kata'ib Hizballah", "Катаиб Хезболла", "كتائب حزب الله"], ["Hezbollah Brigades"]),
    ("Vladimir Petrov", "person", ["Wladimir Petrow", "Владимир Петров"], ["Vladimir Ivanov"]),
    ("Hassan Karimi", "person", ["Hasan Kareemi", "حسن کریمی"], ["Hassan Rahimi"]),
    ("Olena Shevchenko", "person", ["Elena Shevchenko", "Олена Шевченко"], ["Olena Bondarenko"]),
    ("Aleksandr Sokolov", "person", ["Alexander Sokoloff", "Александр Соколов"], ["Sokol"]),
]
SENTENCES = {
    "latin": "On Monday the harbour of Rostock was closed, and Anna Weber asked the crews to wait for better weather.",
    "cyrillic": "В понедельник порт Ростова был закрыт, и Анна Вебер попросила команды подождать хорошей погоды.",
    "arabic": "أغلق ميناء المدينة يوم الاثنين وطلبت مديرته من البحارة انتظار طقس أفضل قبل العودة إلى البحر.",
}


@pytest.fixture
def corpora(tmp_path):
    folder = tmp_path / "corpora"
    cases = [
        {
            "watch": watch,
            "type": kind,
            "positives": forms,
            "pos_kind": ["spelling" if form.isascii() else "script" for form in forms],
            "negatives": [*near, watch.split()[0]],
            "neg_kind": ["near"] * len(near) + ["fragment"],
        }
        for watch, kind, forms, near in CASES
    ]
    for name, text in (
        ("names/dev.jsonl", "\n".join(json.dumps(case) for case in cases)),
        ("articles/ground-truth.json", json.dumps({script: {"articleBody": _body(script)} for script in SENTENCES})),
    ):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def _body(script):
    """Of 950 words or a little more."""
    return "\n".join([SENTENCES[script]] * (950 // len(SENTENCES[script].split()) + 1))


def made(corpora, number=20):
    return names_given.given(corpora, names=number, among=5, articles=4, seed=3)


def test_real_names_come_first_and_further_ones_are_made_of_real_persons(corpora):
    told = made(corpora, 25)
    assert told.real == 5 + 11 + 5  # watches, their forms, near names; but not one word of a name
    assert set(told.names[:5]) == {watch for watch, *_ in CASES}
    persons = {word for watch, kind, forms, _ in CASES if kind == "person" for name in (watch, *forms) for word in name.split()}
    assert all(set(name.split()) <= persons for name in told.names[told.real :])
    assert len({" ".join(words(name)) for name in told.names}) == len(told.names) == 25
    assert (told.told["names_real"], told.told["names_recombined"]) == (21, 4)


def test_few_names_make_few_more_and_come_to_an_end(corpora):
    told = made(corpora, 1_000)
    assert 20 < len(told.names) < 100


def test_the_same_seed_gives_the_same_names_and_articles(corpora):
    assert made(corpora) == made(corpora)


def test_articles_are_of_one_length_with_a_form_in_every_second_one(corpora):
    told = made(corpora)
    for script, articles in told.articles.items():
        forms = {form.article: form for form in told.planted[script]}
        for number, article in enumerate(articles):
            form = forms.get(number)
            count = len(article.text.split()) - (len(form.printed.split()) if form else 0)
            assert count == names_given.WORDS or (number == len(articles) - 1 and count > names_given.WORDS / 2)
            if form:
                assert f"{form.printed}," in article.text
                assert form.printed in next(forms for watch, _, forms, _ in CASES if watch == told.names[form.name])
        assert [*forms] == [*range(0, len(articles), 2)]


def test_a_folder_without_names_is_said_in_a_sentence(tmp_path):
    with pytest.raises(Rejected, match="--corpora names the folder"):
        made(tmp_path)


def test_the_folders_of_names_are_refused_where_no_names_are_asked_for(call):
    done = call("bench", "match", "--peers", "--json")
    assert done.code == 1
    assert "--names" in done.err


@pytest.mark.slow
def test_the_figures_of_names_are_whole_and_pass_their_checks(corpora):
    told = names.bench_names(names.Wanted(sizes=(5, 20), articles=2, corpora=corpora, seconds=0.1))
    assert json.loads(json.dumps(told)) == told
    assert told["levels_within_each_other"] is True
    assert [(run["watches"], run["level"]) for run in told["runs"]] == [(n, level) for n in (5, 20) for level in names.LEVELS]
    for run in told["runs"]:
        assert run["equal_alone"] is True
        assert run["memory_mb"] >= 0
        assert run["add_ms_worst"] >= run["add_ms_median"] > 0
        assert set(run["scripts"]) == set(SENTENCES)
        for script in run["scripts"].values():
            assert script["articles_per_second"] > 0
            assert script["first_articles_per_second"] > 0
    found = {(run["watches"], run["level"]): run["planted_found"] for run in told["runs"]}
    assert found[5, "exact"] == 0 < found[5, "strict"] <= found[5, "wide"]
    parts = told["runs"][1]["scripts"]["latin"]["parts_ms"]
    assert set(parts) == {*names_run.PARTS, "other"}
    assert sum(parts.values()) == pytest.approx(1000 / told["runs"][1]["scripts"]["latin"]["articles_per_second"], rel=0.05)
    assert [row["latin"] for row in names.rows(told)] == [run["scripts"]["latin"]["articles_per_second"] for run in told["runs"]]


# -- checks that can fail ----------------------------------------------------------------------------------------------


@pytest.fixture
def read(corpora):
    """A task, and what its table finds in all articles."""
    task = names_run.Task(made(corpora), 5, "strict", 1.0)
    matcher = Matcher()
    for number, name in enumerate(task.given.names[:5]):
        matcher.add(WatchId(str(number)), parse(names_given.query(name)), level="strict")
    found = {
        script: names_run.Pass(1.0, 1.0, [matcher.match(each) for each in articles])
        for script, articles in task.given.articles.items()
    }
    return task, found


def test_a_name_reads_alone_as_among_all(read):
    assert names_run._alone(*read)["equal_alone"] is True


def test_a_hit_that_is_missed_or_moved_among_all_is_noticed(read):
    task, found = read
    script, (at, (hit, *_)) = next((script, pair) for script, each in found.items() for pair in enumerate(each.found) if pair[1])
    moved = Found(hit.watch_id, [dataclasses.replace(hit.hits[0], start=hit.hits[0].start + 1)])
    for wrong in ([], [moved]):
        articles = [wrong if number == at else each for number, each in enumerate(found[script].found)]
        tampered = {**found, script: names_run.Pass(1.0, 1.0, articles)}
        assert names_run._alone(task, tampered)["equal_alone"] is False


def test_levels_must_hold_what_narrower_ones_found():
    narrow = names_run.Measured({}, {"latin": [frozenset({1}), frozenset()]}, {})
    wide = names_run.Measured({}, {"latin": [frozenset({1, 2})]}, {})
    other = names_run.Measured({}, {"latin": [frozenset({2})]}, {})
    assert names._is_within(narrow, wide)
    assert not names._is_within(narrow, other)


# -- clocks and processes ----------------------------------------------------------------------------------------------


@pytest.fixture
def toy(monkeypatch):
    """A package of two modules whose functions take so many seconds by the clock."""
    now = [0.0]
    monkeypatch.setattr("desk.bench.stopwatch.time.perf_counter", lambda: now[0])

    def take(seconds):
        now[0] += seconds

    one, two = types.ModuleType("toy.one"), types.ModuleType("toy.two")
    one.inner = lambda: take(2.0)
    two.inner = one.inner  # as ``from toy.one import inner`` leaves it

    class Walk:
        def outer(self):
            take(1.0)
            two.inner()
            two.inner()

    two.Walk = Walk
    for name, module in (("toy", types.ModuleType("toy")), ("toy.one", one), ("toy.two", two)):
        monkeypatch.setitem(sys.modules, name, module)
    return types.SimpleNamespace(walk=Walk, take=take)


def test_the_time_of_a_part_is_without_that_of_the_parts_in_it(toy):
    watch = Stopwatch({"outer": ("toy.two:Walk.outer",), "inner": ("toy.one:inner",)})

    def work():
        toy.take(0.5)
        toy.walk().outer()

    assert watch.run(work) == {"outer": 1.0, "inner": 4.0, "other": 0.5}
    assert watch.run(work)["inner"] == 4.0


def test_a_part_that_is_gone_is_named(toy):
    with pytest.raises(LookupError, match=r"toy.two:Walk.gone is not there any more"):
        Stopwatch({"part": ("toy.two:Walk.gone",)})


@pytest.mark.slow
def test_what_a_process_of_its_own_gives_comes_back_and_so_do_its_errors():
    assert apart.in_fresh(names_given.query, "a name") == '"a name"'
    with pytest.raises(ValueError, match="invalid literal"):
        apart.in_fresh(int, "a name")
    with pytest.raises(Permanent, match="exit code 3"):
        apart.in_fresh(os._exit, 3)


# -- peers -------------------------------------------------------------------------------------------------------------


def test_windows_open_at_capitals_and_end_with_a_clause():
    given = names_peers.cut("he met Anna Weber, of Kiel. في البيت")
    assert given["text"] == "he met anna weber of kiel فی البیت"
    assert given["windows"] == {"1": ["anna", "weber", "kiel", "فی", "البیت"], "2": ["anna weber", "فی البیت"]}


def test_a_peer_s_names_are_counted_by_article(monkeypatch):
    monkeypatch.setattr(peers, "environment", lambda _: Path(sys.executable))
    (partial,) = [peer for peer in names_peers.PEERS if "partial_ratio" in peer.what]
    articles = [Document(text="Yesterday Anna Webber spoke."), Document(text="Nobody did.")]
    told, found = names_peers.measure(partial, ["Anna Weber", "Olena Bondarenko"], articles, 5.0)
    assert found == [{0}, set()]
    assert (told["articles"], told["matches"]) == (2, 1)
    assert told["articles_per_second"] > 0


def test_a_peer_that_can_t_be_installed_says_why(monkeypatch):
    def fail(_):
        raise subprocess.CalledProcessError(1, "pip", stderr="no wheel for this machine")

    monkeypatch.setattr(peers, "environment", fail)
    told, found = names_peers.measure(names_peers.PEERS[0], ["Anna Weber"], [Document(text="Anna Weber")], 1.0)
    assert told["error"] == "no wheel for this machine"
    assert not found
