"""A Prometheus of the tests' own, over a configuration that the test gives; asked by its HTTP API."""

import contextlib
import pathlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import yaml

from tests.services import finding, running


@dataclass
class Prometheus:
    port: int

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query, now; an error of the expression raises."""
        answer = httpx.get(f"http://127.0.0.1:{self.port}/api/v1/query", params={"query": expression}, timeout=30).json()
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        data = answer["data"]
        return data["result"] if data["resultType"] == "vector" else [{"metric": {}, "value": data["result"]}]

    def alerts(self) -> list[dict[str, Any]]:
        """What is pending or fires."""
        answer = httpx.get(f"http://127.0.0.1:{self.port}/api/v1/alerts", timeout=30)
        return list(answer.json()["data"]["alerts"])


@contextlib.contextmanager
def started(config: Mapping[str, Any]) -> Iterator[Prometheus]:
    binary, port = finding.need("prometheus"), running.free_port()
    with running.folder() as home:
        (home / "prometheus.yml").write_text(yaml.safe_dump(dict(config)), "utf-8")
        with running.running(_command(binary, home, port), lambda: _is_ready(port), cwd=home):
            yield Prometheus(port)


def _command(binary: pathlib.Path, home: pathlib.Path, port: int) -> list[str]:
    settings = {"config.file": home / "prometheus.yml", "storage.tsdb.path": home / "tsdb"}
    return [str(binary), *(f"--{name}={value}" for name, value in settings.items()), f"--web.listen-address=127.0.0.1:{port}"]


def _is_ready(port: int) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/-/ready").status_code == 200
    return False
