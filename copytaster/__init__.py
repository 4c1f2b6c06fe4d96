"""The kernel: the nouns and the durable truth. It knows no Scrapy, no Celery and no search engine."""

__version__ = "0.1.0"
