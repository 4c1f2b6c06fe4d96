"""From a site to a Page: discovery, revisits, robots and the one spider. It knows no Celery and no search engine."""
