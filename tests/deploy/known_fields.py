"""Which fields the indices have that Kibana shows, by the alias that finds them."""

from search import elastic_mapping, facts_mapping
from search.facts import KINDS, alias_of

MAPPINGS = {"articles": elastic_mapping.MAPPINGS, **{alias_of(kind): facts_mapping.mappings(kind) for kind in KINDS}}


def known_fields(mapping, prefix=""):
    """Every field of a mapping with its type, by its full name, those within fields included."""
    found = {}
    for name, body in mapping["properties"].items():
        if "properties" in body:
            found |= known_fields(body, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = body["type"]
            found |= {f"{prefix}{name}.{inner}": part["type"] for inner, part in body.get("fields", {}).items()}
    return found
