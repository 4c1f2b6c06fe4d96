"""What the contract's tests share."""

import pytest

from tests.desk import news_world as world


@pytest.fixture
def source_id(store):
    return world.add_source(store, "gazette")[0]
