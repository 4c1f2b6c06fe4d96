"""The spiders that Scrapy finds; there is one."""
