"""An Alertmanager of the tests' own, over a configuration that the test gives; alone, without a cluster."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import yaml

from tests.services import finding, running


@contextlib.contextmanager
def started(config: Mapping[str, Any]) -> Iterator[str]:
    """Its address, ``host:port``, as Prometheus wants it."""
    binary, port = finding.need("alertmanager"), running.free_port()
    with running.folder() as home:
        (home / "alertmanager.yml").write_text(yaml.safe_dump(dict(config)), "utf-8")
        settings = {
            "config.file": home / "alertmanager.yml",
            "storage.path": home / "data",
            "cluster.listen-address": "",
            "web.listen-address": f"127.0.0.1:{port}",
        }
        command = [str(binary), *(f"--{name}={value}" for name, value in settings.items())]
        with running.running(command, lambda: _is_ready(port), cwd=home):
            yield f"127.0.0.1:{port}"


def _is_ready(port: int) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/-/ready").status_code == 200
    return False
