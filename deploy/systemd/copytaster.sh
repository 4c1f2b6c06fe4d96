#!/bin/sh
# One command of copytaster as its units run it: their user, settings and passwords, in /var/lib/copytaster. Installed as
# /usr/local/bin/copytaster; only root may call it, for only root reads the passwords.
exec systemd-run --quiet --pipe --wait --collect --uid=copytaster --gid=copytaster --working-directory=/var/lib/copytaster \
    --property=UMask=0077 --property=EnvironmentFile=-/etc/copytaster/environment \
    --setenv=COPYTASTER_CONFIG=/etc/copytaster/copytaster.toml --setenv=COPYTASTER_DATA_DIR=/var/lib/copytaster \
    /opt/copytaster/bin/copytaster "$@"
