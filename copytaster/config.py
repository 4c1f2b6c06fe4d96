"""Config: ``copytaster.toml`` and the environment, and the only reader of either. It builds nothing from what it reads.

Every setting is ``COPYTASTER_<SECTION>__<NAME>`` in the environment, which wins over the file.
"""

import os
import pathlib
import tomllib
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from copytaster.errors import Rejected, shown

FILE = "copytaster.toml"


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreConfig(Section):
    url: str = Field("", description="Where the truth lives: sqlite:///file or postgresql://…; empty: a file in data_dir.")
    pool_size: int = Field(2, ge=1, le=100, description="Connections that one process keeps to PostgreSQL.")
    pool_overflow: int = Field(8, ge=0, le=100, description="… and more that it opens in a rush and closes again.")


class RedisConfig(Section):
    url: str = Field("", description="redis://host:6379/0; empty: an embedded server on a socket in data_dir.")


class SearchConfig(Section):
    url: str = Field("", description="https://host:9200, several parted by commas; empty: SQLite FTS5 in data_dir.")
    index: str = Field("articles", pattern="^[a-z][a-z0-9_-]*$", description="Name of the alias; indices are named after it.")
    api_key: str = Field("", description="Made by `copytaster check --setup`; empty: the user and password of the URL, or none.")
    ca: str = Field("", description="PEM file of the authority that signed the cluster's certificate; empty: the system's.")
    timeout_seconds: float = Field(10.0, gt=0, description="For one request.")
    replicas: int = Field(1, ge=0, le=10, description="Copies of each index; a cluster of one node needs 0 to be green.")


class CrawlConfig(Section):
    user_agent: str = Field(
        "copytaster/0.1 (+https://example.org/bot)",
        description="Who we say we are; put a page about your crawler and a contact in it.",
    )
    concurrency: int = Field(32, ge=1, le=1000, description="Requests under way at once, over all hosts.")
    per_host: int = Field(1, ge=1, le=16, description="Requests under way at once to one host.")
    delay_seconds: float = Field(1.0, ge=0, description="Least time between two requests to one host; AutoThrottle adds.")
    autothrottle: bool = Field(True, description="Slow down where a host answers slowly.")
    timeout_seconds: float = Field(30.0, gt=0, description="For one page.")
    min_interval_seconds: float = Field(60.0, ge=1, description="No endpoint is read more often.")
    max_interval_seconds: float = Field(86_400.0, ge=60, description="No endpoint is read less often.")
    processes: int = Field(1, ge=1, le=64, description="Crawlers that `up` starts; each leases the hosts that it reads.")
    run_seconds: float = Field(3600.0, ge=1, description="A crawler run ends after this long and a new one takes over.")
    run_pages: int = Field(20_000, ge=1, description="… or after this many pages.")
    links_a_day: int = Field(5_000, ge=1, description="New links that one source may bring in a day; more are a trap.")
    pages_in_flight: int = Field(2_000, ge=1, description="Fetched pages that may wait for the workers.")
    render: bool = Field(False, description="Render pages that need JavaScript (install copytaster[render] and a Chromium).")
    browser: str = Field("", description="Path of the Chromium for rendering; empty: the one Playwright knows.")
    archive: str = Field("", description="Folder or fsspec URL for WARC files of what was fetched; empty: none are kept.")


class GuardConfig(Section):
    allow: tuple[str, ...] = Field((), description="Private networks or host names that may be reached all the same.")


class MailConfig(Section):
    url: str = Field("", description="smtp://user:password@host:587 or smtps://…; empty: mail can't be sent.")
    sender: str = Field("copytaster <copytaster@localhost>", description="The From of every mail.")


class WebConfig(Section):
    host: str = Field("127.0.0.1", description="Where the web page listens.")
    port: int = Field(8750, ge=0, le=65535)
    public_url: str = Field("", description="How the world reaches it, for unsubscribe links and WebSub; empty: it can't.")
    secret: str = Field("", description="Signs unsubscribe links; empty: one is made and kept in data_dir.")
    requests_per_minute: int = Field(600, ge=0, description="The most that one address may ask of the web page; 0: any number.")
    trusted_proxies: tuple[str, ...] = Field(
        ("127.0.0.1", "::1"), description="Addresses or networks whose X-Forwarded-For tells who asks."
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            ip_network(each)
        return value


class WorkersConfig(Section):
    processes: int = Field(0, ge=0, le=256, description="Celery processes; 0: one for each core, two at least.")
    reconcile_seconds: float = Field(2.0, gt=0, description="How often due rows are looked for.")


class MetricsConfig(Section):
    host: str = Field("127.0.0.1", description="Where crawl, worker and beat serve /metrics when a port is set.")
    port: int = Field(0, ge=0, le=65535, description="0: none of their own; `up` serves all of them on the web page.")


class RetentionConfig(Section):
    """What is forgotten when; link ids, delivery keys and tombstones stay, so that nothing forgotten alerts again."""

    text_days: int = Field(0, ge=0, description="Articles with their texts and their place in the index; 0: for ever.")
    match_days: int = Field(0, ge=0, description="Matches, deliveries' messages and attempts; 0: for ever.")
    refused_days: int = Field(90, ge=0, description="What was refused, with the reason; 0: for ever.")


class AuditConfig(Section):
    """Stored articles are searched again by an independent path; what the stream missed is delivered late and counted."""

    every_seconds: float = Field(3600.0, ge=0, description="How often the last days are audited; 0: only by `copytaster audit`.")
    days: int = Field(2, ge=1, le=366, description="How far back each audit looks.")


class HeartbeatConfig(Section):
    """A page of our own goes the whole way to a receiver of our own; how old the last one is tells whether alerts arrive."""

    every_seconds: int = Field(300, ge=0, description="How often; never more than crawl.min_interval_seconds allow; 0: never.")
    url: str = Field(
        "",
        pattern=r"^(https?://[^/?#@\s]+/?)?$",
        description="Where crawler and workers reach the web page, as http://web:8750; empty: its own host and port.",
    )

    @field_validator("url")
    @classmethod
    def _is_a_place(cls, value: str) -> str:
        urlsplit(value).port  # noqa: B018  raises ValueError where it is none
        return value


class OperatorConfig(Section):
    to: tuple[str, ...] = Field((), description="Who is told when the system itself is ill: mailto:, https: or Apprise URLs.")
    token: str = Field("", description="Alertmanager sends it as a bearer token with its alerts; empty: none are taken.")


class Config(BaseSettings):
    """The whole configuration, validated and frozen."""

    model_config = SettingsConfigDict(
        env_prefix="COPYTASTER_", env_nested_delimiter="__", extra="ignore", frozen=True, toml_file=FILE
    )

    data_dir: pathlib.Path = Field(pathlib.Path("copytaster-data"), description="Files that copytaster keeps.")
    log_format: str = Field("text", pattern="^(text|json)$", description="text or json, on stderr.")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$")
    crashpoint: str = Field("", description="For tests: name:n kills a process at the n-th passing of a named place.")
    store: StoreConfig = StoreConfig()
    redis: RedisConfig = RedisConfig()
    search: SearchConfig = SearchConfig()
    crawl: CrawlConfig = CrawlConfig()
    guard: GuardConfig = GuardConfig()
    mail: MailConfig = MailConfig()
    web: WebConfig = WebConfig()
    workers: WorkersConfig = WorkersConfig()
    metrics: MetricsConfig = MetricsConfig()
    retention: RetentionConfig = RetentionConfig()
    audit: AuditConfig = AuditConfig()
    heartbeat: HeartbeatConfig = HeartbeatConfig()
    operator: OperatorConfig = OperatorConfig()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the signature is theirs
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = pathlib.Path(os.environ.get("COPYTASTER_CONFIG", FILE))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)

    @property
    def store_url(self) -> str:
        return self.store.url or f"sqlite:///{self.data_dir.resolve() / 'copytaster.db'}"

    @property
    def redis_socket(self) -> pathlib.Path:
        """Where the embedded server listens: under /tmp when the folder's own path is too long for a socket (108 bytes)."""
        inside = self.data_dir.resolve() / "redis.sock"
        if len(str(inside)) < 100:
            return inside
        import hashlib

        return pathlib.Path("/tmp") / f"copytaster-{hashlib.sha256(str(inside).encode()).hexdigest()[:16]}.sock"  # noqa: S108

    @property
    def redis_url(self) -> str:
        return self.redis.url or f"redis+socket://{self.redis_socket}"

    @property
    def heartbeat_url(self) -> str:
        """Scheme, host and port of the page that serves and takes heartbeats; empty where there are none."""
        if not self.heartbeat.every_seconds:
            return ""
        if self.heartbeat.url:
            return self.heartbeat.url.rstrip("/")
        host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(self.web.host, self.web.host)  # noqa: S104  not bound to
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self.web.port}" if self.web.port else ""  # of any port nobody knows which


def load(**over: Any) -> Config:
    """Reads file and environment; raises Rejected("bad_config") with one sentence that names the setting and the file."""
    path = pathlib.Path(os.environ.get("COPYTASTER_CONFIG", FILE))
    if "COPYTASTER_CONFIG" in os.environ and not path.exists():
        raise Rejected("bad_config", f"COPYTASTER_CONFIG names {path}, which does not exist: run `copytaster init`.")
    try:
        _refuse_unknown(path)
        return Config(**over)
    except tomllib.TOMLDecodeError as error:
        raise Rejected("bad_config", f"{path} is not valid TOML: {error}. Mend that line and try again.") from error
    except ValidationError as error:
        raise Rejected("bad_config", f"{path} or the environment: {_first_fault(error)}.") from None


def _first_fault(error: ValidationError) -> str:
    """Which setting, what is wrong with it, and what was given unless it may be a secret."""
    first = error.errors(include_url=False)[0]
    name = shown(".".join(str(part) for part in first["loc"]), 80)[1:-1]
    return f"{name}: {' '.join(first['msg'].split())[:200]}{_got(first)}"


def _got(error: Any) -> str:
    """What was given, unless it may be a secret: only of what is no word or a short one of a setting's own choices."""
    given = error["input"]
    harmless = isinstance(given, int | float) or error["type"].startswith(("literal", "string_pattern", "int", "float", "bool"))
    return f" (got {shown(given, 80)})" if harmless else ""


def _refuse_unknown(path: pathlib.Path) -> None:
    """A misspelled section would be ignored in silence: the environment must be let through, so we look ourselves."""
    if not path.exists():
        return
    unknown = set(tomllib.loads(path.read_text("utf-8"))) - set(Config.model_fields)
    if unknown:
        known = ", ".join(Config.model_fields)
        raise Rejected("bad_config", f"{path}: unknown setting {shown(min(unknown), 80)}; there are {known}.")


def template() -> str:
    """A commented ``copytaster.toml`` with every setting at its default, made from the declarations above."""
    lines = ["# copytaster: every setting, each at its default. Take the # off a line to change it."]
    tables: list[str] = []
    for name, field in Config.model_fields.items():
        if isinstance(field.default, Section):
            tables += ["", f"[{name}]"]
            for inner, spec in type(field.default).model_fields.items():
                tables += _line(inner, spec.default, spec.description)
        else:
            lines += _line(name, field.default, field.description) if name != "crashpoint" else []
    return "\n".join(lines + tables) + "\n"


def _line(name: str, default: Any, description: str | None) -> list[str]:
    comment = [f"# {description}"] if description else []
    return [*comment, f"#{name} = {_toml(default)}"]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, int | float):
        return str(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
