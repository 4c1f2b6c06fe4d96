"""What ``scrapy.cfg`` names, so that ``scrapy list`` and ``scrapy crawl news`` work. Nothing else may import it."""

from copytaster.config import load
from scrapers.settings import of

globals().update(of(load()))  # Scrapy takes a project's settings from a module's upper-case names
