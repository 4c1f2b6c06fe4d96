"""From bytes to links: feeds, sitemaps, sections and WebSub, pure. It must not fetch, wait or store."""
