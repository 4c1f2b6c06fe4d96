"""What was found at a site, in words or as one object, for ``source add`` and ``source test``. It owns words alone."""

from dataclasses import asdict

from desk import output
from desk.sources import Added, Site


def print_added(added: Added, *, json: bool) -> None:
    if json:
        output.record(
            {
                "id": added.source.id,
                "url": added.source.url,
                "name": added.source.name,
                "new": added.new,
                "endpoints": endpoints_found(added.site),
                **asdict(added.taken),
                "watches": [asdict(each) for each in added.caught],
            }
        )
        return
    print_site(added.site, "Added" if added.new else "Known already, read again:")
    taken = added.taken
    if taken.baseline:
        output.say(f"  {taken.baseline} items are taken as the baseline: they are read and searchable, but do not alert.")
    if taken.left:
        output.say(f"  {taken.left} of them are left unread; `copytaster source backfill` fetches them.")
    if taken.alerting or taken.late:
        output.say(f"  {taken.alerting} items will alert where a watch holds them; {taken.late} late ones go in a digest.")
    for each in added.caught:
        output.say(f"  {each.items} of them hold “{output.clean(each.watch)}”: {output.clean(each.example)}")
    if added.new and not added.caught:
        output.say("  None of their titles and summaries holds any of your watches.")


def print_site(site: Site, verb: str) -> None:
    output.say(f"{verb} {output.clean(site.name)} ({site.url})")
    for each in endpoints_found(site):
        output.say(f"  {each['kind']:8} {each['items']:>5} items  {output.clean(str(each['url']))}")
    for url, why in site.found.refused:
        output.note(f"  left out {url}: {why}")


def endpoints_found(site: Site) -> list[dict[str, object]]:
    return [
        {
            "kind": each.kind,
            "url": each.url,
            "title": each.title,
            "found_by": each.why,
            "items": len(site.readings[each.url].links) if each.url in site.readings else each.items,
        }
        for each in site.found.endpoints
    ]
