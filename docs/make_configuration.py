"""Writes ``configuration.md`` from the settings' own declarations, so that the two never differ (a test compares them)."""

import pathlib

from copytaster.config import template

HERE = pathlib.Path(__file__).parent
INTRODUCTION = """\
# Configuration

Nothing has to be configured. `copytaster init` writes the file below as `copytaster.toml` into the working directory, every
setting at its default; `COPYTASTER_CONFIG` names a file elsewhere. Every setting can also come from the environment, which
wins over the file: `COPYTASTER_DATA_DIR`, or for a setting in a section two underscores, `COPYTASTER_WEB__PORT=8080`.

`copytaster check` reads the configuration, reaches each service that it names, and says what is wrong and how to mend it.
Secrets (the database's password, the mail server's) are best given by the environment.

"""
TABLE_HEAD = "\n## In the environment\n\nThe same, by their names there:\n\n"


def page() -> str:
    written = template()
    return f"{INTRODUCTION}```toml\n{written}```\n{TABLE_HEAD}{_table(written)}"


def _table(written: str) -> str:
    """One row a setting: its name in the environment and what it is for."""
    rows, section, comment = ["| name | what it is |", "|---|---|"], "", ""
    for line in written.splitlines()[1:]:
        if line.startswith("["):
            section = line.strip("[]").upper() + "__"
        elif line.startswith("# "):
            comment = line[2:]
        elif line.startswith("#"):
            name = line[1:].partition(" =")[0].upper()
            rows.append(f"| `COPYTASTER_{section}{name}` | {comment} |")
            comment = ""
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    (HERE / "configuration.md").write_text(page(), "utf-8")
