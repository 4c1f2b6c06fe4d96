"""Searches while indices change hands: asked again until they find what there is now.

It owns when and how often; it must not know what is asked.
"""

import time
from collections.abc import Callable, Collection
from typing import TypeVar

from elasticsearch import ApiError

GONE = (404, 503)  # gone, or gone from under a search that had begun
# A node closes the shards of an index that is being deleted before it shows that it is gone: until then, hundreds of
# milliseconds on a busy machine, every search there finds no shard ("all shards failed"), however often it is repeated.
_UNSETTLED = (503, "search_phase_execution_exception")
_PAUSES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)  # seconds before each further try
Answer = TypeVar("Answer")


def while_indices_change(
    ask: Callable[[], Answer], *, statuses: Collection[int] = GONE, again: Callable[[], None] = lambda: None
) -> Answer:
    """What is asked; once more after one of ``statuses``, and for seconds while shards are being closed. ``again`` is called
    before each further try.
    """
    for pause in _PAUSES:
        try:
            return ask()
        except ApiError as error:
            if error.meta.status not in statuses or (pause and (error.meta.status, error.error) != _UNSETTLED):
                raise
            again()
            time.sleep(pause)
    return ask()
