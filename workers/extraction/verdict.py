"""Whether what was read is an article at all, and if not, which of the known reasons it is.

It owns the reasons and their sentences; it must not know how text, title or metadata were found.
"""

import re

from copytaster.errors import Rejected
from workers.extraction import jsonld
from workers.extraction.document import Document

FEW_CHARS = 60  # an alert's worth of words; one sentence of breaking news is longer
FEW_CHARS_DENSE = 25  # the same in scripts that write a word in one or two characters
SHORT_CHARS = 800  # an error page, consent wall or robot check says no more than this
_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_GONE = re.compile(
    r"\b404\b|\b410\b|(?:page|article|story|content|post)\s+(?:(?:could|can)\s*not\s+be|not)\s+found"
    r"|(?:page|article) (?:doesn.t|does not|no longer) exists?|no longer available"
    r"|(?:page|article)\s+(?:introuvable|non trouvée?)|n.existe (?:pas|plus)"
    r"|(?:seite|artikel)\s+(?:wurde\s+)?nicht\s+(?:gefunden|mehr)"
    r"|(?:página|artículo|nota)\s+no\s+(?:encontrad[ao]|existe)|página não encontrada|pagina non trovata"
    r"|pagina niet gevonden|nie znaleziono strony|sayfa bulunamadı|страница\s+не\s+найдена|сторінк[ау]\s+не\s+знайдено"
    r"|الصفحة غير موجودة|صفحه (?:مورد نظر )?(?:یافت|پیدا) نشد|页面不存在|找不到(?:该)?(?:网页|頁面|页面)"
    r"|ページが見つかりません|페이지를 찾을 수 없습니다",
    re.IGNORECASE,
)
_WALL = re.compile(
    r"just a moment|attention required|access denied|are you (?:a )?(?:human|robot)|verify(?:ing)? you are human|captcha"
    r"|bot (?:check|detection)|request (?:blocked|unsuccessful)|pardon our interruption|проверка браузера"
    r"|security check|403 forbidden|unusual traffic",
    re.IGNORECASE,
)
_SCRIPTED = re.compile(
    r"(?:enable|turn on|requires?|activate|need)\s+(?:to enable\s+)?javascript"
    r"|javascript\s+(?:is\s+)?(?:disabled|required|muss|deaktiviert)|activer\s+javascript|habilit\w+\s+javascript"
    r"|включите\s+javascript|увімкніть\s+javascript|JavaScriptを有効|启用\s*JavaScript|جاوا\s*اسکریپت",
    re.IGNORECASE,
)
_MOUNTS = {"root", "app", "__next", "__nuxt", "react-root", "app-root", "main-app", "___gatsby", "svelte", "q-app"}


def check(document: Document, title: str, text: str) -> None:
    """Raise ``Rejected`` with ``soft_404``, ``blocked``, ``needs_javascript`` or ``no_text`` if this is no article."""
    named = " ".join([title, *document.titles[:1], *document.headings[:2]])
    if len(text) < SHORT_CHARS and not jsonld.is_article(document.article):
        if _GONE.search(named):
            raise Rejected("soft_404", "The page says that it does not exist, although the server answered 200.")
        if _WALL.search(named):
            raise Rejected(
                "blocked", "The site answered with a check for robots instead of the article; slow down or ask for access."
            )
    if len(text) >= (FEW_CHARS_DENSE if _DENSE.search(text) else FEW_CHARS):
        return
    if _needs_javascript(document):
        raise Rejected(
            "needs_javascript", "The page is empty without JavaScript; install the render extra and turn it on for this source."
        )
    raise Rejected("no_text", f"No article text was found in a page of {len(document.source)} characters.")


def _needs_javascript(document: Document) -> bool:
    """A page that says so, or that is little more than scripts around an empty box to draw into."""
    if any(_SCRIPTED.search(one.text_content()[:2_000]) for one in document.root.iter("noscript")):
        return True
    scripts = sum(1 for _ in document.root.iter("script"))
    boxes = [one for one in document.root.iter("div", "main", "app-root") if (one.get("id") or one.tag) in _MOUNTS]
    visible = sum(len(one.text_content().strip()) for one in boxes)
    return scripts > 0 and bool(boxes) and visible < 200
