"""One line for what happens every day, and the whole story of a fault of ours."""

import subprocess
import sys

import pytest

SAY = """
import logging, sys
from copytaster.logs import set_up
set_up(sys.argv[1], "info")
try:
    raise ConnectionError("Connection closed by server.")
except ConnectionError:
    logging.getLogger(sys.argv[2]).critical("Couldn't ack", exc_info=True)
"""


def said(form, logger):
    return subprocess.run([sys.executable, "-c", SAY, form, logger], capture_output=True, text=True, check=True).stderr


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("logger", ["celery.worker.request", "celery.worker.consumer.consumer", "kombu.transport"])
def test_a_broker_that_is_gone_is_a_sentence(form, logger):
    (line,) = said(form, logger).splitlines()
    assert "Couldn't ack" in line
    assert "Traceback" not in line


@pytest.mark.parametrize("logger", ["celery.app.trace", "copytaster.pipeline"])
def test_a_fault_in_a_task_keeps_its_traceback(logger):
    assert "Traceback" in said("text", logger)


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_a_page_says_forges_no_line_and_colours_no_terminal(form):
    say = "import logging, sys\nfrom copytaster.logs import set_up\nset_up(sys.argv[1], 'info')\n"
    say += r"logging.getLogger('copytaster').warning('Read %s.', 'x\r\n12:00:00 info forged\x1b[31m\u202e\0\u2028y')"
    done = subprocess.run([sys.executable, "-c", say, form], capture_output=True, text=True, check=True).stderr
    assert len(done.splitlines()) == 1
    assert not set(done) & set("\x1b\r\u202e\0")
