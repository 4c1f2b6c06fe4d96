"""What a stage works with: made once in a process by ``bootstrap``, handed to every step. It makes nothing itself."""

from collections.abc import Callable
from dataclasses import dataclass, field

from copytaster.config import Config
from copytaster.store import Store
from copytaster.store.messages import Senders
from copytaster.store.processes import Progress
from search.engine import SearchEngine
from workers.intake import Intake
from workers.notifiers import Notifiers
from workers.watchlist import Watchlist


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """``token`` is this process's own name on every lease that it takes."""

    config: Config
    store: Store
    watchlist: Watchlist
    engine: SearchEngine
    notifiers: Notifiers
    hint: Callable[[str], None]
    progress: Progress
    token: str
    secret: str  # signs unsubscribe links
    senders: Senders = field(default_factory=Senders)
    intake: Intake = field(default_factory=Intake)
