"""Writes ``copytaster.ndjson``, which Kibana loads, from what boards.py says. Tests see that the two never differ.

.venv/bin/python deploy/kibana/make.py                         the file beside this one
.venv/bin/python deploy/kibana/make.py --index paris           for another ``search.index``, to standard output
"""

import argparse
import pathlib
import sys

from boards import bundle

HERE = pathlib.Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description="Kibana's data views, searches and dashboards for copytaster.")
    parser.add_argument("--index", help="search.index of an installation that does not use the default")
    index = parser.parse_args().index
    if index:
        sys.stdout.write(bundle(index).ndjson())
    else:
        (HERE / "copytaster.ndjson").write_text(bundle().ndjson(), "utf-8")


if __name__ == "__main__":
    main()
