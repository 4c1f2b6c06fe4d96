"""Bytes to text. Stand-in until the kernel's charset module is there."""

import re


def decode(data: bytes, content_type: str | None) -> tuple[str, str]:
    try:
        return "utf-8", data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    named = re.search(rb"charset=[\"']?([\w-]+)", data[:4096] + (content_type or "").encode())
    name = named[1].decode() if named else "windows-1252"
    try:
        return name, data.decode(name, "replace")
    except LookupError:
        return "windows-1252", data.decode("windows-1252", "replace")
