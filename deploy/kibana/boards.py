"""What our dashboards show: the data views, the saved searches and each panel. It owns the questions, not their form."""

from lens import DURATION, chart, count, donut, heat, metric, newest, number, over_time, percentile, share, table, top, unique
from saved import Bundle, Control, Dashboard, Row, Search, View

from search.facts import DEFAULT_INDEX, alias_of

ARTICLES, ALERTS, REFUSALS, SOURCES = "articles", "alerts", "refusals", "sources"
SPAN = {"id": "duration", "params": {"inputFormat": "seconds", "outputFormat": "humanizePrecise", "outputPrecision": 1}}
ADDRESS = {"id": "url", "params": {}}
SOURCE, WATCH = "copytaster.source", "copytaster.watch_names"
TO_ALERT, FROM_READING = "copytaster.seconds_to_alert", "copytaster.seconds_from_reading"


def views(index: str) -> list[View]:
    links = {"url.full": ADDRESS}
    spans = {
        TO_ALERT: "From the link's being found to the message's being sent.",
        FROM_READING: "From the article's being read to the message's being sent.",
        "copytaster.seconds_from_publication": "From the instant that the page printed; unknown where it printed a day alone.",
    }
    missing = {"copytaster.missing": "What the page did not tell: published, authors, language."}
    stale = {"copytaster.freshness_seconds": "Age of the newest link when this was written."}
    return [
        View(ARTICLES, "copytaster: articles", index, formats=links, told=missing),
        View(
            ALERTS, "copytaster: alerts", alias_of("alerts", index), formats={**links, **dict.fromkeys(spans, SPAN)}, told=spans
        ),
        View(REFUSALS, "copytaster: refusals", alias_of("refusals", index), formats=links),
        View(SOURCES, "copytaster: sources", alias_of("sources", index), None, dict.fromkeys(stale, SPAN), stale),
    ]


NEWEST_ARTICLES = Search(
    "newest-articles",
    "copytaster: newest articles",
    "What was read, newest first.",
    ARTICLES,
    [SOURCE, "copytaster.language", "copytaster.title", "copytaster.authors", WATCH, "url.full"],
)
NEWEST_ALERTS = Search(
    "newest-alerts",
    "copytaster: newest alerts",
    "What was sent, newest first. It names everyone's watches.",
    ALERTS,
    [WATCH, SOURCE, "copytaster.title", "copytaster.channel", "copytaster.kind", TO_ALERT, "url.full"],
)
NEWEST_REFUSALS = Search(
    "newest-refusals",
    "copytaster: newest refusals",
    "What was refused, at which stage and why.",
    REFUSALS,
    ["copytaster.stage", "copytaster.reason", SOURCE, "copytaster.detail", "copytaster.attempts", "url.full"],
)
SILENT = Search(
    "silent-sources",
    "copytaster: silent and failing sources",
    "Sources from which nothing comes, with the reason.",
    SOURCES,
    [
        SOURCE,
        "host.name",
        "copytaster.state",
        "copytaster.silent_at",
        "copytaster.silent_reason",
        "copytaster.endpoints.last_error",
    ],
    sort="copytaster.freshness_seconds",
    kql="copytaster.state: (silent or failing)",
)

ARTICLES_COUNT, ALERTS_COUNT = count("Articles"), count("Alerts")
SAID = Dashboard(
    "said",
    "copytaster: what is being said",
    "Articles by source, language, watch and story.",
    "now-24h",
    [
        Row(
            6,
            [
                (metric("Articles", ARTICLES, ARTICLES_COUNT), 12),
                (metric("Stories", ARTICLES, unique("Stories", "copytaster.story")), 12),
                (metric("Sources that wrote", ARTICLES, unique("Sources", "copytaster.source_id")), 12),
                (metric("Articles that a watch matched", ARTICLES, count("Matched", "copytaster.watches: *")), 12),
            ],
        ),
        Row(
            12,
            [
                (
                    chart(
                        "Articles over time",
                        ARTICLES,
                        "bar_stacked",
                        over_time(),
                        ARTICLES_COUNT,
                        split=top("Source", SOURCE, 10),
                    ),
                    48,
                )
            ],
        ),
        Row(
            14,
            [
                (chart("By source", ARTICLES, "bar_horizontal", top("Source", SOURCE, 15, other=False), ARTICLES_COUNT), 16),
                (chart("By watch", ARTICLES, "bar_horizontal", top("Watch", WATCH, 15, other=False), ARTICLES_COUNT), 16),
                (donut("By language", ARTICLES, top("Language", "copytaster.language", 10), ARTICLES_COUNT), 16),
            ],
        ),
        Row(
            14,
            [
                (
                    table(
                        "Stories that most sources tell",
                        ARTICLES,
                        top("Story", "copytaster.story", 20, other=False),
                        unique("Sources", "copytaster.source_id"),
                        ARTICLES_COUNT,
                        newest("Newest title", "copytaster.title.raw"),
                    ),
                    32,
                ),
                (
                    chart(
                        "Authors",
                        ARTICLES,
                        "bar_horizontal",
                        top("Author", "copytaster.authors", 15, other=False),
                        ARTICLES_COUNT,
                    ),
                    16,
                ),
            ],
        ),
        Row(18, [(NEWEST_ARTICLES, 48)]),
    ],
    [
        Control("Source", ARTICLES, SOURCE),
        Control("Language", ARTICLES, "copytaster.language"),
        Control("Watch", ARTICLES, WATCH),
    ],
)
ALERTING = Dashboard(
    "alerting",
    "copytaster: alerts",
    "Matches by watch and hour, how long alerts took, and to what kind of channel. It names everyone's watches.",
    "now-3d",
    [
        Row(
            6,
            [
                (metric("Alerts sent", ALERTS, ALERTS_COUNT), 12),
                (metric("Found to alert, median", ALERTS, number("median", "Median", TO_ALERT, DURATION)), 12),
                (metric("Found to alert, 95 of 100 within", ALERTS, percentile(95, TO_ALERT, DURATION)), 12),
                (metric("Watches that alerted", ALERTS, unique("Watches", "copytaster.watches")), 12),
            ],
        ),
        Row(
            14,
            [
                (
                    heat(
                        "Matches by watch and hour",
                        ARTICLES,
                        over_time("Hour", "1h"),
                        top("Watch", WATCH, 20, other=False),
                        count("Matches"),
                    ),
                    48,
                )
            ],
        ),
        Row(
            12,
            [
                (
                    chart(
                        "Found to alert",
                        ALERTS,
                        "line",
                        over_time(),
                        *(percentile(rank, TO_ALERT, DURATION) for rank in (50, 95, 99)),
                    ),
                    24,
                ),
                (
                    chart(
                        "Read to alert",
                        ALERTS,
                        "line",
                        over_time(),
                        *(percentile(rank, FROM_READING, DURATION) for rank in (50, 95, 99)),
                    ),
                    24,
                ),
            ],
        ),
        Row(
            12,
            [
                (donut("By kind of channel", ALERTS, top("Channel", "copytaster.channel", 10), ALERTS_COUNT), 12),
                (donut("Instant, digest or late", ALERTS, top("Kind", "copytaster.kind", 5), ALERTS_COUNT), 12),
                (chart("By source", ALERTS, "bar_horizontal", top("Source", SOURCE, 15, other=False), ALERTS_COUNT), 24),
            ],
        ),
        Row(
            14,
            [
                (
                    table(
                        "By watch",
                        ALERTS,
                        top("Watch", WATCH, 50, other=False),
                        ALERTS_COUNT,
                        unique("Stories", "copytaster.story"),
                        number("median", "Found to alert", TO_ALERT, DURATION),
                        number("median", "Published to alert", "copytaster.seconds_from_publication", DURATION),
                    ),
                    48,
                )
            ],
        ),
        Row(18, [(NEWEST_ALERTS, 48)]),
    ],
    [
        Control("Watch", ALERTS, WATCH),
        Control("Source", ALERTS, SOURCE),
        Control("Kind of channel", ALERTS, "copytaster.channel"),
    ],
)
WORDS = number("median", "Words", "copytaster.words")
LARGEST = top("Source", SOURCE, 10, by=None, other=False)
EXTRACTOR = top("Extractor", "copytaster.extractor", 8)
NO_DATE, NO_AUTHOR = "copytaster.missing: published", "copytaster.missing: authors"
HEALTH = Dashboard(
    "health",
    "copytaster: sources",
    "Which sources are fresh, silent or refused, and whether what is read of them drifts.",
    "now-7d",
    [
        Row(
            6,
            [
                (metric("Sources", SOURCES, count("Sources")), 12),
                (metric("Silent", SOURCES, count("Silent", "copytaster.state: silent")), 12),
                (metric("Failing", SOURCES, count("Failing", "copytaster.state: failing")), 12),
                (
                    metric(
                        "Age of the newest link, median",
                        SOURCES,
                        number("median", "Median", "copytaster.freshness_seconds", DURATION),
                    ),
                    12,
                ),
            ],
        ),
        Row(
            14,
            [
                (
                    table(
                        "Longest without anything new",
                        SOURCES,
                        top("Source", SOURCE, 50, other=False),
                        number("max", "Newest link", "copytaster.freshness_seconds", DURATION),
                        number("max", "Failures in a row", "copytaster.endpoints.failures"),
                        number("sum", "Overflows", "copytaster.endpoints.overflows"),
                        number("sum", "Readings", "copytaster.endpoints.readings"),
                    ),
                    24,
                ),
                (SILENT, 24),
            ],
        ),
        Row(
            12,
            [
                (
                    chart(
                        "Refusals by stage",
                        REFUSALS,
                        "bar_stacked",
                        over_time(),
                        count("Refusals"),
                        split=top("Stage", "copytaster.stage", 5),
                    ),
                    24,
                ),
                (
                    chart(
                        "Refusals by reason",
                        REFUSALS,
                        "bar_stacked",
                        over_time(),
                        count("Refusals"),
                        split=top("Reason", "copytaster.reason", 10),
                    ),
                    24,
                ),
            ],
        ),
        Row(
            12,
            [
                (chart("Articles without a date", ARTICLES, "line", over_time(), share("No date", NO_DATE), split=LARGEST), 24),
                (
                    chart(
                        "Articles without an author", ARTICLES, "line", over_time(), share("No author", NO_AUTHOR), split=LARGEST
                    ),
                    24,
                ),
            ],
        ),
        Row(
            12,
            [
                (chart("Words in an article, median", ARTICLES, "line", over_time(), WORDS, split=LARGEST), 24),
                (chart("Extractor", ARTICLES, "bar_percentage_stacked", over_time(), ARTICLES_COUNT, split=EXTRACTOR), 24),
            ],
        ),
        Row(
            14,
            [
                (
                    table(
                        "What the pages tell",
                        ARTICLES,
                        top("Source", SOURCE, 50, other=False),
                        ARTICLES_COUNT,
                        share("No date", NO_DATE),
                        share("No author", NO_AUTHOR),
                        share("No language", "copytaster.missing: language"),
                        WORDS,
                    ),
                    48,
                )
            ],
        ),
        Row(18, [(NEWEST_REFUSALS, 48)]),
    ],
    [Control("Source", SOURCES, SOURCE)],
)


def bundle(index: str = DEFAULT_INDEX) -> Bundle:
    """For the installation whose articles are found by the alias ``index``."""
    prefix = alias_of("sources", index).removesuffix("-sources").replace(".", "-")
    searches = [NEWEST_ARTICLES, NEWEST_ALERTS, NEWEST_REFUSALS, SILENT]
    return Bundle(prefix, views(index), searches, [SAID, ALERTING, HEALTH])
