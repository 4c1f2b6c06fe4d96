"""Long runs by hand, guided by coverage: ``make fuzz TARGET=feed SECONDS=600``. Finds are minimised and kept in build/fuzz.

It needs atheris, which no test needs: ``make fuzz`` installs it. A find goes on record by moving it to tests/fuzz/found/TARGET,
with its sentence in found/README.md.
"""

import hashlib
import pathlib
import sys
import time
import traceback
from collections.abc import Callable

import atheris

ROOMS = ["copytaster", "scrapers", "search", "workers", "desk"]
with atheris.instrument_imports(include=[*ROOMS, "feedparser", "tests.fuzz"]):
    from tests.fuzz.targets import Target, all_targets, attempt

    TARGETS = all_targets()

ROOT = pathlib.Path(__file__).parents[2]
SECONDS_EACH, MEGABYTES = 10, 1_500  # of one input: then libFuzzer itself ends the run and leaves the input behind
Signature = tuple[str, str, int]


def signature(error: BaseException) -> Signature:
    """What makes two finds one: the error and the line of ours or of a library that raised it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return type(error).__name__, pathlib.Path(last.filename).name, last.lineno or 0


def broken_by(one: Target, data: bytes) -> Signature | None:
    try:
        attempt(one, data)
    except Exception as error:  # noqa: BLE001  each is a find
        return signature(error)
    return None


def minimised(data: bytes, still: Callable[[bytes], bool]) -> bytes:
    """Pieces are taken away, halves first and single bytes last, for as long as the rest breaks it the same way."""
    size = max(len(data) // 2, 1)
    until = time.monotonic() + 20
    while size and time.monotonic() < until:
        at = 0
        while at < len(data) and time.monotonic() < until:
            shorter = data[:at] + data[at + size :]
            if still(shorter):
                data = shorter
            else:
                at += size
        size //= 2
    return data


class Fuzzer:
    def __init__(self, one: Target, folder: pathlib.Path) -> None:
        self.one, self.folder = one, folder
        self.known: set[Signature] = set()

    def __call__(self, data: bytes) -> None:
        """Goes on after a find, so that one run brings all there are."""
        found = broken_by(self.one, data)
        if found is None or found in self.known:
            return
        self.known.add(found)
        least = minimised(data, lambda shorter: broken_by(self.one, shorter) == found)
        path = self.folder / f"{found[0]}-{hashlib.sha256(least).hexdigest()[:12]}"
        path.write_bytes(least)
        sys.stderr.write(f"\nFOUND {self.one.name}: {found} by {least[:200]!r}, kept as {path}\n")


def prepared(one: Target) -> tuple[pathlib.Path, list[str]]:
    """The folder of a target's finds, and libFuzzer's options: where to begin from, which words to use."""
    folder = ROOT / "build" / "fuzz" / one.name
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for data in one.seeds():
        (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    words = folder / "words"
    words.write_text(
        "".join(f'"{"".join(f"{chr(92)}x{byte:02x}" for byte in token)}"\n' for token in one.tokens if len(token) < 60)
    )
    return folder, [str(corpus), f"-dict={words}", f"-artifact_prefix={folder}/stopped-"]


def main() -> None:
    name, seconds = sys.argv[1], sys.argv[2]
    if name not in TARGETS:
        sys.exit(f"There is no target {name!r}; there are {', '.join(TARGETS)}.")
    folder, options = prepared(TARGETS[name])
    limits = [f"-max_total_time={seconds}", f"-timeout={SECONDS_EACH}", f"-rss_limit_mb={MEGABYTES}", "-max_len=20000"]
    broken_by(TARGETS[name], b"<html><p>words")  # what is imported late is no part of an input's time
    atheris.Setup([sys.argv[0], *options, *limits, "-print_final_stats=1"], Fuzzer(TARGETS[name], folder))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
