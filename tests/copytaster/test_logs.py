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
