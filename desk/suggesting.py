"""Forms of a watch's names that stored articles have, for whoever adds it: looked up, counted, and what to say to take one.

It owns how many articles are looked at and how forms are shown; what a form is ``search.suggestions`` decides. It writes
nothing.
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from copytaster.errors import Permanent, Transient
from copytaster.store import articles
from copytaster.watches import DEFAULT_LEVEL, Hit, Level, Quiet
from desk import output
from desk.opening import Desk
from desk.watching import Wanted, query_of
from search.document import Document
from search.query import Query
from search.suggestions import Gathering, Suggestion

MOST_ARTICLES = 100  # the engine reads each for the names: 6 ms, or 25 where all its words are new
MOST_SHOWN = 12
_STEERS_QUOTES = frozenset('"$`\\!')
_KINDS = {"script": "other script", "known as": "also known as"}


@dataclass(frozen=True, slots=True)
class Suggestions:
    """``forms`` of the names of a watch at ``level`` in the ``looked_at`` newest of ``found`` articles, an upper bound as
    searches count.
    """

    forms: Sequence[Suggestion]
    level: Level
    looked_at: int
    found: int

    @property
    def say_something(self) -> bool:
        """Whether there is any form besides the name as it was typed."""
        return any(each.level != "exact" for each in self.forms)


NONE = Suggestions((), DEFAULT_LEVEL, 0, 0)


def suggest_if_any(here: Desk, wanted: Wanted) -> Suggestions:
    """As ``suggest``; a search engine that is away is no more than a sentence."""
    try:
        return suggest(here, wanted)
    except (Transient, Permanent) as error:
        output.note(f"How its names are printed can't be looked up now: {error}")
        return NONE


def suggest(here: Desk, wanted: Wanted) -> Suggestions:
    """For a watch that is wanted so; nothing at ``exact``, which asks for no other forms."""
    level = wanted.level or DEFAULT_LEVEL
    query = query_of(wanted.query, wanted.aliases)
    gathering = Gathering(query, vetoes=wanted.vetoes)
    if level == "exact" or not gathering.has_names:
        return NONE
    looked_at, found = 0, 0
    for looked_at, (document, hits, url, found) in enumerate(_newest(here, query, wanted.vetoes), 1):  # noqa: B007
        gathering.read(document, hits, url)
    return Suggestions(gathering.found(), level, looked_at, found)


def _newest(here: Desk, query: Query, vetoes: Sequence[str]) -> Iterator[tuple[Document, Sequence[Hit], str, int]]:
    """The newest articles that satisfy it at ``wide``, whole, with their hits and about how many such articles there are."""
    page = here.engine.search(query, size=MOST_ARTICLES, level="wide", vetoes=vetoes)
    with here.store.read() as tx:
        whole = articles.many(tx, [result.id for result in page.hits])
    found = page.total if page.cursor else len(page.hits)
    for result in page.hits:
        if (article := whole.get(result.id)) is not None:
            yield Document.of(article), result.hits, result.url, found


# -- showing ----------------------------------------------------------------------------------------------------------


def suggestions_record(suggestions: Suggestions, wanted: Wanted) -> dict[str, Any]:
    """As JSON; marks are code points into the sample, ``command`` is what takes a form that does not count, or refuses one."""
    forms = [
        {
            "form": each.form,
            "kind": each.kind,
            "term": each.term,
            "articles": each.articles,
            "level": each.level,
            "counts": each.counts(suggestions.level),
            "sample": {"text": each.sample.text, "marks": [list(mark) for mark in each.sample.marks]},
            "url": each.url,
            "command": _command(wanted, each, counts=each.counts(suggestions.level)),
        }
        for each in suggestions.forms
    ]
    return {"suggestions": forms, "suggestions_from": {"looked_at": suggestions.looked_at, "found": suggestions.found}}


def print_suggestions(suggestions: Suggestions, wanted: Wanted) -> None:
    """Nothing where there is no other form."""
    if not suggestions.say_something:
        return
    of = (
        f"the newest {suggestions.looked_at} of at most {suggestions.found}"
        if suggestions.looked_at < suggestions.found
        else "all"
    )
    output.say(f"How it is printed, in {of} articles found:")
    several = len({each.term for each in suggestions.forms}) > 1
    for each in suggestions.forms[:MOST_SHOWN]:
        _print_form(each, suggestions.level, several=several)
    if more := len(suggestions.forms) - MOST_SHOWN:
        output.say(f"  … and {more} more: --json has all of them." if more > 0 else "")
    for said, counts in (("To have one count", False), ("To refuse one", True)):
        shown = suggestions.forms[:MOST_SHOWN]
        example = next((each for each in shown if each.level != "exact" and each.counts(suggestions.level) is counts), None)
        if example:
            output.say(f"{said}: {output.clean(_command(wanted, example, counts=counts) or '')}")
    output.say("")


def _print_form(each: Suggestion, level: Level, *, several: bool) -> None:
    if each.level == "exact":
        output.say(output.clean(f"  {each.articles} × {each.form} · as you wrote it"))
    else:
        kind = _KINDS.get(each.kind, each.kind) + (f" of {each.term}" if several else "")
        output.say(output.clean(f"  {each.articles} × {each.form} · {kind} · {_counting(each, level)}"))
        output.say(f"      {output.marked(each.sample.text, each.sample.marks)} · {output.clean(each.url)}")


def _counting(each: Suggestion, level: Level) -> str:
    if each.counts(level):
        return f"counts at {level}"
    at_wide = "--level wide or " if each.level == "wide" else ""
    return f"counts only with {at_wide}--alias {_quoted(each.form)}"


def _command(wanted: Wanted, each: Suggestion, *, counts: bool) -> str | None:
    """What adds the watch anew with this form taken or refused; the name itself can't be refused."""
    if each.level == "exact":
        return None
    aliases = wanted.aliases if counts else [*wanted.aliases, each.form]
    vetoes = [*wanted.vetoes, each.form] if counts else wanted.vetoes
    named = [("--name", wanted.name)] if wanted.name else []
    level = [("--level", wanted.level)] if wanted.level else []
    digest = [("--digest", wanted.digest)] if wanted.digest != "instant" else []
    forms = [*(("--alias", form) for form in aliases), *(("--veto", form) for form in vetoes)]
    told = [*named, *(("--to", url) for url in wanted.to), *level, *forms, *digest, *_quiet(wanted.quiet)]
    options = [word for name, value in told for word in ([f"{name}={value}"] if value.startswith("-") else [name, value])]
    query = ["--", wanted.query] if wanted.query.startswith("-") else [wanted.query]
    words = [*options, *query] if query[1:] else [*query, *options]
    return " ".join(["copytaster watch add", *map(_quoted, words)])


def _quoted(word: str) -> str:
    """For a shell, and for people where that can be had: "Kata'ib"."""
    return f'"{word}"' if "'" in word and _STEERS_QUOTES.isdisjoint(word) else shlex.quote(word)


def _quiet(quiet: Quiet | None) -> Sequence[tuple[str, str]]:
    if quiet is None:
        return []
    return [("--quiet", f"{quiet.start:%H:%M}-{quiet.end:%H:%M}"), ("--tz", quiet.zone)]
