"""Whether a mail server's refusal of a recipient says that there is no such mailbox, rather than anything else. Pure.

It owns codes and words of servers; it must not know SMTP, nor what follows from it.
"""

import re

_STATUS = re.compile(r"(?<![\d.])5\.\d{1,3}\.\d{1,3}(?![\d.]*\d)")  # no part of an IP address
_GONE = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.2.1"})  # 5.1.7 and 5.1.8 are of the sender
_WORDS = re.compile(
    r"(user|recipient|mailbox|account|addressee)( is)? (unknown|not found|does ?n[o']t exist|does not exist)"
    r"|(unknown|no such|nonexistent|non-existent) (local )?(user|recipient|mailbox|account|addressee|person)|no mailbox here",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(r"sender|relay|spam|block|blacklist|authenticat|policy", re.IGNORECASE)


def says_no_mailbox(code: int, said: str) -> bool:
    """By the enhanced status (RFC 3463) wherever it stands; without one by words that leave no doubt.

    A bare 550 is no word: relays say it to whom they do not know, blocklists to whom they do.
    """
    if code // 100 != 5:
        return False
    found = _STATUS.search(said)
    if found:
        return found[0] in _GONE
    return code in (550, 551, 553) and bool(_WORDS.search(said)) and not _OTHERWISE.search(said)
