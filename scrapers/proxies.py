"""A proxy's address as people write it, taken apart. It must not know who uses it: the crawler and the browser both do."""

import base64
from urllib.parse import unquote, urlsplit, urlunsplit


def split_proxy(proxy: str) -> tuple[str, bytes | None]:
    """A proxy's address without its login, and the login as Basic credentials."""
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if not parts.username:
        return urlunsplit(parts), None
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return urlunsplit(bare), base64.b64encode(login)
