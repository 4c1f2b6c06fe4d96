"""The durable truth in SQL: schema, migrations and one module for each noun. It knows no Scrapy, Celery or search engine."""

from copytaster.store.db import Store, Tx

__all__ = ["Store", "Tx"]
