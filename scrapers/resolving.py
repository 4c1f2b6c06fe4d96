"""Addresses inside documents made absolute. It owns what happens to a bad one (nothing); it must not fetch."""

from copytaster.errors import Rejected
from copytaster.urls import resolve

_WHOLE = ("http://", "https://")


def absolute(url: str, base: str) -> str | None:
    """The address against its base; as given where there is no base to resolve with; ``None`` for nothing."""
    url = url.strip()
    if not url:
        return None
    try:
        return resolve(url, base or None)
    except Rejected:
        return url


def http_only(url: str, base: str | None = None) -> str | None:
    """The absolute http(s) address, or ``None`` where it is something else or nothing (which would be ``base``)."""
    url = url.strip()
    if not url:
        return None
    try:
        href = resolve(url, None if url.startswith(_WHOLE) else base)  # to join costs twice as much
    except Rejected:
        return None
    return href if href.startswith(_WHOLE) else None
