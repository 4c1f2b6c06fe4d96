"""One bounded run of the crawler in this process, for the command line and the supervisor. It owns nothing but the start."""

from copytaster.config import Config
from copytaster.errors import Permanent
from scrapers.frontier import Hint


def crawl(config: Config, *, source: str | None = None, hint: Hint | None = None) -> None:
    """Runs until the configured time or pages are used up, or SIGTERM; with ``source`` until nothing of it is due.

    Raises Rejected("no_such_source"), and Permanent where the crawler did not start. Once a process: the reactor
    can't be started twice.
    """
    from scrapy.crawler import AsyncCrawlerProcess

    from scrapers.settings import of
    from scrapers.spiders.news import NewsSpider, find_source

    found = find_source(config, source) if source else None
    process = AsyncCrawlerProcess(of(config) | {"LOG_INSTALL_ROOT_HANDLER": False})
    crawler = process.create_crawler(NewsSpider)
    process.crawl(crawler, source=found, hint=hint)
    process.start()
    if not isinstance(crawler.spider, NewsSpider):
        raise Permanent("The crawler did not start; the lines above say why.")
    if crawler.spider.failure:
        raise crawler.spider.failure
