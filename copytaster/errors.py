"""The three ways a stage can fail, so that each border needs one wrap. It must not know which library failed.

``str(error)`` is always one clear sentence that says what to do; it may be shown to a person as it is.
"""


class CopytasterError(Exception):
    """Anything that the project raises on purpose."""


class Transient(CopytasterError):
    """It may work later; ``retry_after`` is in seconds, ``None`` where the other side did not say."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Permanent(CopytasterError):
    """It will never work as asked: the address is gone, the mailbox does not exist, the token is revoked."""


class Rejected(CopytasterError):
    """Our own decision not to go on; ``reason`` is a stable slug such as ``too_big`` that refusals and metrics carry."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def shown(given: object, most: int = 200) -> str:
    """What came from outside, as a sentence may show it: on one line, controls escaped, cut where it is long.

    The cut comes after the escaping, which makes ten characters of one.
    """
    text = repr(given[: most + 1] if isinstance(given, str | bytes) else given)
    return text if len(text) <= most else text[:most] + "…"
