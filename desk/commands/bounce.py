"""``copytaster bounce``: what a mail server sends back, read from its pipe. It owns words and options only."""

import sys

import typer

from desk import output
from desk.commands.options import AsJson
from desk.opening import desk

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)


@app.command()
def bounce(json: AsJson = False) -> None:
    """Take a mail that came back from standard input, as the alias of mail.sender pipes it.

    The message is marked as failed; where three of a week say that there is no such mailbox, it is switched off.

    Example: copytaster bounce < returned.eml
    """
    from workers import bouncing, settling

    raw = sys.stdin.buffer.read(bouncing.MOST_BYTES)
    found = bouncing.read(raw)
    noted = False
    if found:
        with desk() as here, here.store.write() as tx:
            noted = settling.bounce(tx, found.message_id, found.why, no_mailbox=found.no_mailbox)
    if json:
        output.record({"message": found.message_id if found else None, "why": found.why if found else None, "noted": noted})
    elif found and noted:
        output.say(output.clean(f"{found.message_id} failed. {found.why}"))
    else:
        output.say("This is no notice that a message of ours failed for good; nothing is changed.")
