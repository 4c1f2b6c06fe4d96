"""Which commands there are, where each lives, and what ``copytaster --help`` prints of them.

It owns that table alone and imports nothing for it; it must not know what any command does.
"""

from collections.abc import Mapping
from typing import NamedTuple

EXAMPLES = "Examples:\n  copytaster demo\n  copytaster source add https://example.org\n  copytaster watch add 'Fatemiyoun'"


class Entry(NamedTuple):
    module: str  # in desk.commands
    help: str


SECTIONS: Mapping[str, Mapping[str, Entry]] = {
    "Start here": {
        "demo": Entry("service", "Show the main job on a small news site of its own; no network."),
        "init": Entry("service", "Write a commented copytaster.toml."),
        "check": Entry("service", "Check the configuration and each service; say how to mend what is wrong."),
        "up": Entry("service", "Run everything on this machine."),
    },
    "News and watches": {
        "source": Entry("source", "The sites that are read: add, list, test, pause, backfill, …"),
        "watch": Entry("watch", "What you want to be told about: add, list, test, mute, …"),
        "search": Entry("search", "Search what was read, with highlighted passages."),
    },
    "Keeping an eye on it": {
        "status": Entry("service", "Health of the sources, queues, last alerts, oldest undelivered."),
        "deliveries": Entry("deliveries", "What was sent and what failed: list, show, retry, replay."),
        "channel": Entry("channel", "Where you are told: list, enable, rotate a webhook's key."),
        "bounce": Entry("bounce", "Note a mail that came back, from a mail server's pipe."),
        "refused": Entry("refused", "What was refused, and why: list, retry."),
    },
    "Keeping it safe": {
        "audit": Entry("index", "Search again for what the stream missed; deliver and count it."),
        "rebuild": Entry("index", "Fill the search index anew from the store, without a pause in search."),
        "forget": Entry("forget", "Take an article or a source down, everywhere and for good."),
        "backup": Entry("store", "Write the truth into one file."),
        "restore": Entry("store", "Bring a backup into an empty store."),
        "store": Entry("store", "Move the truth: copy it from SQLite to PostgreSQL."),
    },
    "One process of each kind": {
        "crawl": Entry("service", "Fetch pages."),
        "worker": Entry("service", "Read pages, match and deliver."),
        "beat": Entry("service", "Look for work that is due."),
        "web": Entry("service", "Serve the web page and its metrics."),
    },
    "Without services": {
        "match": Entry("offline", "Match a file of articles with a file of watches."),
        "extract": Entry("offline", "Read the article out of HTML files."),
        "bench": Entry("bench", "Measure: match, extract, pipeline."),
        "dev": Entry("dev", "Plumbing for conformance suites: JSON lines in and out."),
    },
}
COMMANDS: Mapping[str, Entry] = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


def overview() -> str:
    """What ``copytaster --help`` prints; made from the table alone, so that no library is loaded for it."""
    width = max(map(len, COMMANDS))
    lines = ["Usage: copytaster [OPTIONS] COMMAND [ARGS]...", ""]
    lines += ["  Crawls the news sites you choose, reads every article, and tells you within seconds when", ""]
    lines[-1:] = ["  a name or phrase that you watch appears.", ""]
    for title, section in SECTIONS.items():
        lines += [f"{title}:", *(f"  {name:{width}}  {entry.help}" for name, entry in section.items()), ""]
    lines += ["Options:"]
    lines += ["  --version             Show the version and exit."]
    lines += ["  --install-completion  Install completion for the current shell."]
    lines += ["  --show-completion     Show completion for the current shell, to copy it."]
    lines += ["  --help                Show this and exit; every command has its own.", ""]
    return "\n".join([*lines, EXAMPLES, ""])
