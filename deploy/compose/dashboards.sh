#!/bin/bash
# Puts our data views, searches and dashboards into Kibana; what is there by the same id is replaced.
set -euo pipefail

for file in /objects/*.ndjson; do
    answer="$(printf 'user = "elastic:%s"\n' "$ELASTIC_PASSWORD" |
        curl --silent --show-error --fail --retry 5 --retry-connrefused --config - --header 'kbn-xsrf: true' \
            --form "file=@$file" 'http://kibana:5601/api/saved_objects/_import?overwrite=true')"
    if [[ "$answer" != *'"success":true'* ]]; then
        echo "Kibana did not take $(basename "$file"): $answer" >&2
        exit 1
    fi
    echo "$(basename "$file") is imported"
done
