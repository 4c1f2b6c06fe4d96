"""The demo is a world of its own: what the shell says of an installation, a production store above all, is not for it."""

import os

import pytest

from desk.demo import run


class FarEnoughError(Exception):
    pass


def test_the_demo_forgets_the_settings_of_an_installation(monkeypatch):
    def stop(_site):
        raise FarEnoughError

    monkeypatch.setenv("COPYTASTER_STORE__URL", "postgresql://production.example/news")
    monkeypatch.setenv("HOME", "/somewhere")
    monkeypatch.setattr(run, "SiteServer", stop)
    monkeypatch.setattr(run.signal, "signal", lambda *_: None)
    with pytest.raises(FarEnoughError):
        run.run_demo()
    assert [name for name in os.environ if name.startswith("COPYTASTER_")] == []
    assert os.environ["HOME"] == "/somewhere"
