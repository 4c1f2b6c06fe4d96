"""Scrapy's settings, made from Config. It owns every switch of Scrapy that we turn, and must not read the environment."""

from typing import Any

from copytaster.config import Config
from copytaster.guard import Guard, OwnGuard

MAX_PAGE_BYTES = 10_000_000  # a 583 kB gzip grew to 600 MB with Scrapy's default of 1 GB


def of(config: Config) -> dict[str, Any]:
    crawl = config.crawl
    values: dict[str, Any] = {
        "BOT_NAME": "copytaster",
        "COPYTASTER": config,
        "COPYTASTER_GUARD": Guard(config.guard.allow),
        "COPYTASTER_OWN_GUARD": OwnGuard(config.heartbeat_url),
        "SPIDER_MODULES": ["scrapers.spiders"],
        "TWISTED_REACTOR": "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
        "TWISTED_DNS_RESOLVER": "scrapy.resolver.CachingHostnameResolver",  # IPv6 too
        "USER_AGENT": crawl.user_agent,
        # -- pace: one host is asked by one coroutine of ours; Scrapy's slots and AutoThrottle keep the delay
        "CONCURRENT_REQUESTS": 0,  # ours to bound: what waits for its host's delay must hold no place
        "CONCURRENT_REQUESTS_PER_DOMAIN": crawl.per_host,
        "DOWNLOAD_DELAY": crawl.delay_seconds,
        "DOWNLOAD_DELAY_JITTER": 0,  # the delay is the least that we promise
        "AUTOTHROTTLE_ENABLED": crawl.autothrottle,
        "AUTOTHROTTLE_START_DELAY": crawl.delay_seconds,
        "AUTOTHROTTLE_TARGET_CONCURRENCY": float(crawl.per_host),
        # -- caps
        "DOWNLOAD_TIMEOUT": crawl.timeout_seconds,
        "DOWNLOAD_MAXSIZE": MAX_PAGE_BYTES,
        "DOWNLOAD_WARNSIZE": 0,
        "DOWNLOAD_FAIL_ON_DATALOSS": False,  # servers that miscount their bytes are common, and the page is whole
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "REDIRECT_MAX_TIMES": 8,
        # -- what runs
        "DOWNLOAD_HANDLERS_BASE": dict.fromkeys(("http", "https"), "scrapers.download.GuardedDownloadHandler"),
        "DOWNLOADER_MIDDLEWARES_BASE": {},
        "DOWNLOADER_MIDDLEWARES": {
            "scrapers.manners.RobotsMiddleware": 100,
            "scrapers.middlewares.IdentityMiddleware": 400,
            "scrapers.middlewares.RedirectMiddleware": 600,
            # Below the redirects and above nothing that asks by itself: each hop passes, robots.txt of each host too.
            "scrapers.admission.AdmissionMiddleware": 650,
            "scrapers.middlewares.CookiesMiddleware": 700,
            "scrapers.middlewares.UnpackMiddleware": 800,
        },
        "SPIDER_MIDDLEWARES_BASE": {},
        "EXTENSIONS_BASE": {"scrapy.extensions.throttle.AutoThrottle": 0},
        "STATS_CLASS": "scrapy.statscollectors.DummyStatsCollector",  # figures are in copytaster/metrics.py
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "HTTPCACHE_ENABLED": False,
        "RETRY_ENABLED": False,  # retries live in due_at
        "ROBOTSTXT_OBEY": False,  # ours does, by RFC 9309
        "LOG_LEVEL": "ERROR",
        "LOG_VERSIONS": [],
    }
    if crawl.archive:
        values["DOWNLOADER_MIDDLEWARES"]["scrapers.archive.ArchiveMiddleware"] = 900
    if crawl.render:
        from scrapers.render import settings_of

        values |= settings_of(config)
    return values
