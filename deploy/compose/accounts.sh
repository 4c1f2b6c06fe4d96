#!/bin/bash
# Gives Kibana's own account in Elasticsearch its password. The superuser's comes by stdin: arguments can be read by others.
set -euo pipefail

umask 077
printf '{"password": "%s"}' "$KIBANA_PASSWORD" >/tmp/kibana.json
printf 'user = "elastic:%s"\n' "$ELASTIC_PASSWORD" |
    curl --silent --show-error --fail --retry 5 --retry-connrefused --config - \
        --request PUT --header 'content-type: application/json' --data @/tmp/kibana.json \
        http://elasticsearch:9200/_security/user/kibana_system/_password
echo "Kibana's account has its password"
