"""Images in place of those that others publish, and which cannot be fetched everywhere: the same programs from the
distribution's packages, started by what their own images are started by as far as our files can see it.
"""

from tests.compose.podman import Podman, import_root
from tests.lan.root import root

PACKAGES = ("postgresql", "redis-server", "nginx-light", "prometheus", "prometheus-alertmanager", "wget")
BASE = "localhost/cluster-ai-others:1"

POSTGRES = """#!/bin/sh
# First start: a cluster of its own for $POSTGRES_USER, whose password everybody in the network must say.
set -eu
if [ "$(id -u)" = 0 ]; then
  install -d -m 700 -o postgres -g postgres "$PGDATA" /var/run/postgresql
  # A secret is read by root, and handed on.
  password=${POSTGRES_PASSWORD:-$(cat "$POSTGRES_PASSWORD_FILE")}
  export password
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  printf '%s\\n' "$password" >/tmp/password
  # shellcheck disable=SC2086
  initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --encoding=UTF8 ${POSTGRES_INITDB_ARGS:-}
  rm /tmp/password
  printf 'host all all all scram-sha-256\\n' >>"$PGDATA/pg_hba.conf"
  PGPASSWORD=$password; export PGPASSWORD
  pg_ctl -w start -o "-c listen_addresses=''"
  createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl -w -m fast stop
fi
unset password
exec postgres -c listen_addresses='*'
"""

IMAGES = {
    "docker.io/library/postgres:17-alpine": """
ENV PGDATA=/var/lib/postgresql/data PATH=/usr/lib/postgresql/15/bin:$PATH
COPY --chmod=755 postgres.sh /usr/local/bin/docker-entrypoint.sh
ENTRYPOINT ["docker-entrypoint.sh"]
""",
    "docker.io/library/redis:8-alpine": "WORKDIR /data\n",
    "docker.io/library/nginx:1.29-alpine": "",
    "docker.io/prom/prometheus:v3.7.3": 'USER nobody\nENTRYPOINT ["/usr/bin/prometheus"]\n',
    "docker.io/prom/alertmanager:v0.29.0": 'USER nobody\nENTRYPOINT ["/usr/bin/prometheus-alertmanager"]\n',
}


BESIDE = """  postgres: {network_mode: host, ports: !reset []}
  redis: {network_mode: host, ports: !reset []}
  grafana: {profiles: [elsewhere]}
"""
"""For an override: podman's networks beside the host's are packages of their own, and Grafana is in no distribution."""


def make_others(one: Podman) -> None:
    """The images, under the names that the Compose files ask for."""
    import_root(one, root(PACKAGES), BASE)
    for name, lines in IMAGES.items():
        context = one.folder / name.rsplit("/", maxsplit=1)[-1]
        context.mkdir()
        (context / "postgres.sh").write_text(POSTGRES)
        (context / "Dockerfile").write_text(f"FROM {BASE}\n{lines}")
        one.run("build", "--isolation=chroot", "--tag", name, context, seconds=120)
