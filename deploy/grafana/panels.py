"""What each dashboard shows: its panels in their order, with unit and expressions. It must not know how Grafana is told.

Quantiles and rates are asked of the recorded series (deploy/prometheus/rules/recording.yml), gauges as they are; a gauge of
the whole installation is told by every web page, so the greatest is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

STAGES = "{{stage}}"


@dataclass(frozen=True)
class Panel:
    """``asked``: (expression, legend) each. ``bad``: from here on a number is shown in red."""

    title: str
    unit: str
    asked: Sequence[tuple[str, str]]
    about: str
    kind: Literal["line", "stack", "number", "table"] = "line"
    width: int = 12
    bad: float | None = None


@dataclass(frozen=True)
class Board:
    uid: str
    title: str
    about: str
    rows: Sequence[tuple[str, Sequence[Panel]]]


def number(title: str, unit: str, expression: str, about: str, *, bad: float | None = None) -> Panel:
    return Panel(title, unit, [(expression, "")], about, "number", 4, bad)


OLDEST_DUE = Panel(
    "Oldest that is due, by stage",
    "s",
    [("copytaster:oldest_due_seconds:max", STAGES)],
    "How long what could be worked on now has waited. A stage that climbs has too few workers, or none.",
)
FOUND_TO_ALERT = Panel(
    "From found to alert",
    "s",
    [("copytaster:found_to_alert_seconds:p50_15m", "half within"), ("copytaster:found_to_alert_seconds:p99_15m", "99 % within")],
    "What digests and quiet hours hold on purpose is not counted.",
)
READ = Panel(
    "Articles read, by outcome",
    "ops",
    [("copytaster:articles_read:rate5m", "{{outcome}}")],
    "New, edited, unchanged, or another's by the time it was read.",
    "stack",
)
REFUSED = Panel(
    "Refused, by stage and reason",
    "ops",
    [("copytaster:refused:rate5m", "{{stage}}: {{reason}}")],
    "`copytaster refused list` names each.",
    "stack",
)

OVERVIEW = Board(
    "copytaster-overview",
    "copytaster / Overview",
    "Whether alerts reach their readers in time, and what stands in their way.",
    [
        (
            "Now",
            [
                number("Store", "bool_yes_no", "min(copytaster_store_up)", "Whether it answers."),
                number("Redis", "bool_yes_no", "min(copytaster_broker_up)", "Whether it answers."),
                number("Search engine", "bool_yes_no", "min(copytaster_search_up)", "Whether it answers."),
                number("Oldest alert that is due", "s", "max(copytaster_oldest_due_delivery_seconds)", "And not sent.", bad=60),
                number("Articles", "short", "max(copytaster_articles)", "In the store."),
                number("Silent sources", "short", 'max(copytaster_sources{state="silent"})', "That usually give more.", bad=1),
            ],
        ),
        (
            "Promises",
            [
                number("Heartbeat", "s", "max(copytaster_heartbeat_age_seconds)", "Since one went all the way.", bad=1_020),
                number(
                    "Missed", "short", "sum(max by (kind) (copytaster_audit_missed_total))", "By the audit: none, ever.", bad=1
                ),
                number("Last audit", "s", "max(copytaster_audit_age_seconds)", "Since it began.", bad=7_200),
                number("Not found by search", "short", "max(copytaster_audit_unfound)", "Though they matched.", bad=1),
                number("Channels in trouble", "short", 'max(copytaster_channels{state="open"})', "Refusing messages.", bad=1),
                number(
                    "Sources in trouble",
                    "short",
                    "sum(max by (kind) (copytaster_sources_in_trouble))",
                    "`copytaster status` says why.",
                    bad=1,
                ),
            ],
        ),
        (
            "Throughput",
            [
                Panel(
                    "Through the system",
                    "ops",
                    [
                        ("sum(copytaster:links_found:rate5m)", "links found"),
                        ("copytaster:pages_fetched:rate5m", "pages fetched"),
                        ("sum(copytaster:articles_read:rate5m)", "pages read"),
                        ("copytaster:matches:rate5m", "matches"),
                        ('copytaster:deliveries:rate5m{state="sent"}', "deliveries sent"),
                    ],
                    "Each should follow the one before it; a gap that stays is work that piles up.",
                ),
                READ,
            ],
        ),
        ("Latency", [FOUND_TO_ALERT, OLDEST_DUE]),
        (
            "Errors",
            [
                REFUSED,
                Panel(
                    "Tried again, failed, lost",
                    "ops",
                    [
                        (
                            'sum by (state) (rate(copytaster_deliveries_total{state!="sent"}[$__rate_interval]))',
                            "deliveries: {{state}}",
                        ),
                        ("sum(rate(copytaster_hints_lost_total[$__rate_interval]))", "hints lost"),
                        ("sum(rate(copytaster_endpoint_overflows_total[$__rate_interval]))", "feeds that overflowed"),
                    ],
                    "What is tried again comes late; what failed is listed by `copytaster deliveries list --state failed`.",
                ),
            ],
        ),
    ],
)

CRAWLING = Board(
    "copytaster-crawling",
    "copytaster / Crawling",
    "What is read at the sources, what it brings, and what goes wrong there.",
    [
        (
            "Sources",
            [
                Panel(
                    "Sources, by state",
                    "short",
                    [("max by (state) (copytaster_sources)", "{{state}}")],
                    "Silent: read, and nothing new for three times as long as usual.",
                    "stack",
                ),
                Panel(
                    "The least fresh sources",
                    "s",
                    [("topk(20, max by (source) (copytaster_source_age_seconds))", "{{source}}")],
                    "Since the newest link was found; shown below 1,000 sources.",
                    "table",
                ),
                Panel(
                    "Reported as silent",
                    "bool_yes_no",
                    [("sort_desc(max by (source) (copytaster_source_silent))", "{{source}}")],
                    "Shown below 1,000 sources; `copytaster status` says why.",
                    "table",
                ),
                Panel(
                    "From published to found",
                    "s",
                    [
                        ("copytaster:published_to_found_seconds:p50_1h", "half within"),
                        ("copytaster:published_to_found_seconds:p90_1h", "90 % within"),
                    ],
                    "Of items whose time is printed to the second; the source's rhythm and manners decide it.",
                ),
            ],
        ),
        (
            "Readings",
            [
                Panel(
                    "Readings of feeds, sitemaps and sections",
                    "ops",
                    [("copytaster:endpoint_reads:rate5m", "{{kind}}: {{outcome}}")],
                    "By what came of them.",
                    "stack",
                ),
                Panel(
                    "Part of the readings that fail",
                    "percentunit",
                    [("copytaster:endpoint_reads:failure_ratio15m", "failing")],
                    "Over a quarter of an hour.",
                ),
                Panel(
                    "New links",
                    "ops",
                    [("copytaster:links_found:rate5m", "{{how}}")],
                    "Baseline: there before us, never alerted. Late: published more than a week before it was found.",
                    "stack",
                ),
                Panel(
                    "Feeds that overflowed",
                    "short",
                    [("sum(increase(copytaster_endpoint_overflows_total[1h]))", "in an hour")],
                    "They turned over wholly between two readings, so items were probably missed.",
                ),
            ],
        ),
        (
            "Pages",
            [
                Panel("Pages fetched", "ops", [("copytaster:pages_fetched:rate5m", "pages")], "Of articles, over all crawlers."),
                Panel(
                    "Refused at the fetch",
                    "ops",
                    [('copytaster:refused:rate5m{stage="fetch"}', "{{reason}}")],
                    "Forbidden by robots.txt, gone, too big, unreachable: by reason.",
                    "stack",
                ),
                Panel(
                    "Hosts that wait for a crawler",
                    "s",
                    [('copytaster:oldest_due_seconds:max{stage="crawl"}', "the longest")],
                    "That could be asked now and are leased to nobody; when it climbs start another crawler.",
                ),
                Panel(
                    "Part of the pages that are refused",
                    "percentunit",
                    [("copytaster:refused:ratio15m", STAGES)],
                    "Over a quarter of an hour.",
                ),
            ],
        ),
    ],
)

READING = Board(
    "copytaster-reading",
    "copytaster / Reading and matching",
    "What workers do with fetched pages and what it costs.",
    [
        (
            "Outcome",
            [
                READ,
                Panel("Matches", "ops", [("copytaster:matches:rate5m", "matches")], "Articles that satisfied a watch."),
                Panel(
                    "Rows that are due",
                    "short",
                    [("max by (stage) (copytaster_due_rows)", STAGES)],
                    "In the store; they are the truth about what is to do.",
                ),
                Panel(
                    "Hints in the broker",
                    "short",
                    [("max by (queue) (copytaster_queue_depth)", "{{queue}}")],
                    "At most a handful: each makes a worker empty a whole stage.",
                ),
                OLDEST_DUE,
                Panel(
                    "Refused by the workers",
                    "ops",
                    [('copytaster:refused:rate5m{stage!="fetch"}', "{{stage}}: {{reason}}")],
                    "No article in it, a robot check, poison: by reason.",
                    "stack",
                ),
            ],
        ),
        (
            "Cost",
            [
                Panel(
                    "Time of a step",
                    "s",
                    [
                        ("copytaster:stage_seconds:p50_5m", "{{stage}}: half within"),
                        ("copytaster:stage_seconds:p95_5m", "{{stage}}: 95 % within"),
                    ],
                    "extract: from bytes to text. land: match and write. send: one message. index: one batch.",
                ),
                Panel(
                    "CPU of a step",
                    "s",
                    [("copytaster:stage_cpu_seconds:per_step5m", STAGES)],
                    "Of the thread that does it and of the child that it boxes work in.",
                ),
                Panel("Cores at work", "short", [("copytaster:stage_cpu:rate5m", STAGES)], "CPU seconds a second.", "stack"),
                Panel("Steps", "ops", [("copytaster:stage_steps:rate5m", STAGES)], "How often each is done."),
            ],
        ),
        (
            "Search index",
            [
                Panel(
                    "Articles that the index lacks",
                    "short",
                    [("max(copytaster_unindexed_articles)", "articles")],
                    "Counted once a minute. Alerts do not wait for it.",
                ),
                Panel(
                    "Waiting to be indexed",
                    "s",
                    [('copytaster:oldest_due_seconds:max{stage="index"}', "the longest")],
                    "Of what could be indexed now.",
                ),
            ],
        ),
    ],
)

DELIVERY = Board(
    "copytaster-delivery",
    "copytaster / Delivery",
    "What is owed, what was sent, and how late it was.",
    [
        (
            "In time",
            [
                FOUND_TO_ALERT,
                Panel(
                    "Alerts by the time from found to sent",
                    "ops",
                    [("sum by (le) (rate(copytaster_found_to_alert_seconds_bucket[$__rate_interval]))", "{{le}} s")],
                    "Each line counts all that took no longer.",
                ),
                Panel(
                    "Oldest that is owed",
                    "s",
                    [
                        ("max(copytaster_oldest_due_delivery_seconds)", "owed, tried or not"),
                        ('copytaster:oldest_due_seconds:max{stage="deliver"}', "could be sent now"),
                    ],
                    "Apart: a receiver does not take it. Together: nobody sends.",
                ),
            ],
        ),
        (
            "Deliveries",
            [
                Panel(
                    "What became of them",
                    "ops",
                    [("copytaster:deliveries:rate5m", "{{state}}")],
                    "Sent, failed, tried again.",
                    "stack",
                ),
                Panel(
                    "In the store, by state",
                    "short",
                    [("max by (state) (copytaster_deliveries)", "{{state}}")],
                    "Counted once a minute.",
                ),
                Panel(
                    "Time of one sending",
                    "s",
                    [
                        ('copytaster:stage_seconds:p50_5m{stage="send"}', "half within"),
                        ('copytaster:stage_seconds:p95_5m{stage="send"}', "95 % within"),
                    ],
                    "A slow receiver holds one sender, not all of them.",
                ),
                Panel(
                    "Failed in the last hour",
                    "short",
                    [('sum(increase(copytaster_deliveries_total{state="failed"}[1h]))', "messages")],
                    "`copytaster deliveries list --state failed`, and `copytaster refused list` for the reason.",
                ),
            ],
        ),
        (
            "Receivers",
            [
                Panel(
                    "Channels, by state",
                    "short",
                    [("max by (state) (copytaster_channels)", "{{state}}")],
                    "Open: it does not take messages now and is asked ever less often. Disabled: its owner was told elsewhere.",
                    "stack",
                ),
                Panel(
                    "Age of the last heartbeat",
                    "s",
                    [
                        ("max(copytaster_heartbeat_age_seconds)", "since one arrived"),
                        ("max(copytaster_heartbeat_every_seconds)", "how often they come"),
                    ],
                    "One goes the whole way, from a page of our own to a receiver of our own.",
                ),
            ],
        ),
    ],
)

PROCESSES = Board(
    "copytaster-processes",
    "copytaster / Processes",
    "The processes, what they take, and what they stand on.",
    [
        (
            "Processes",
            [
                Panel(
                    "Answering Prometheus", "bool_yes_no", [('up{job=~"copytaster.*"}', "{{instance}}")], "Each target.", "table"
                ),
                Panel(
                    "Since a process got on",
                    "s",
                    [("time() - max by (kind) (copytaster_worker_progress_timestamp_seconds)", "{{kind}}")],
                    "A worker with nothing due does not get on, and need not.",
                ),
                Panel(
                    "Memory",
                    "bytes",
                    [("sum by (role) (copytaster_process_resident_memory_bytes)", "{{role}}")],
                    "Pages shared between processes count in each of them.",
                    "stack",
                ),
                Panel(
                    "Cores at work",
                    "short",
                    [("sum by (role) (rate(copytaster_process_cpu_seconds_total[$__rate_interval]))", "{{role}}")],
                    "CPU seconds a second.",
                    "stack",
                ),
            ],
        ),
        (
            "What they stand on",
            [
                Panel(
                    "Disk left",
                    "bytes",
                    [("min by (instance) (copytaster_disk_free_bytes)", "{{instance}}")],
                    "At the web page's own files.",
                ),
                Panel(
                    "Connections to PostgreSQL",
                    "short",
                    [
                        ("max(copytaster_store_connections)", "in use"),
                        ("max(copytaster_store_connections_limit)", "allowed"),
                    ],
                    "Of everybody; SQLite has none.",
                ),
                Panel(
                    "Hints lost",
                    "short",
                    [("sum(increase(copytaster_hints_lost_total[1h]))", "in an hour")],
                    "The reconciler makes up for them.",
                ),
            ],
        ),
    ],
)

BOARDS: Sequence[Board] = (OVERVIEW, CRAWLING, READING, DELIVERY, PROCESSES)
