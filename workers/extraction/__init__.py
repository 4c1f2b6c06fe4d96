"""Extraction: from the bytes of a page to what its article says; start at ``read.extract`` or ``boxed.extract_boxed``."""
