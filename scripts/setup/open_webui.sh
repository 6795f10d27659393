#!/usr/bin/env bash
# Installs Open WebUI beside the cluster, in an environment of its own (.venv-open-webui) from requirements/open-webui.lock.
# Open WebUI is a separate program under its own licence: nothing of it is part of this repository.
#   open_webui.sh            installs it; a second run with an unchanged lock does nothing
#   open_webui.sh serve ...  installs it where needed and starts it on this cluster's gateway; its own options follow
# Needs .venv (scripts/setup/environment.sh) for uv, and Python 3.11 or 3.12.
# Environment of `serve`: CLUSTER_AI_GATEWAY_URL (http://127.0.0.1:11435), CLUSTER_AI_OPEN_WEBUI_DATA (.open-webui),
# and every variable of Open WebUI itself, which wins over what is set here.
# Exit: 0 ok, 3 no Python, 5 no uv, 6 no network.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# shellcheck source=scripts/manager/words.sh
. "$root/scripts/manager/words.sh"
# shellcheck source=scripts/manager/steps.sh
. "$root/scripts/manager/steps.sh"

venv=$root/.venv-open-webui
lock=$root/requirements/open-webui.lock
stamp=$venv/installed
logs=$root/.cache/setup
uv=$root/.venv/bin/uv

is_right_python() {
  "$1" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] < (3, 13))' >/dev/null 2>&1
}

find_python() {
  local name
  for name in "${CLUSTER_AI_PYTHON:-}" "$root/.venv/bin/python" python3.12 python3.11 python3; do
    if [ -n "$name" ] && is_right_python "$name"; then
      printf '%s' "$name"
      return 0
    fi
  done
  return 1
}

fetch() {
  "$uv" venv --quiet --clear --python "$1" "$venv" &&
    VIRTUAL_ENV=$venv "$uv" pip sync --python "$venv/bin/python" --require-hashes --no-progress "$lock"
}

install() {
  local digest python
  digest=$(cksum <"$lock" | tr ' ' '-')
  [ -x "$venv/bin/open-webui" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$digest $root" ] && return 0
  [ -x "$uv" ] || return 5
  if ! python=$(find_python); then
    say no_python_for_open_webui
    return 3
  fi
  mkdir -p "$logs"
  if ! step open_webui "$logs/open-webui.log" fetch "$python"; then
    say no_network
    return 6
  fi
  printf '%s' "$digest $root" >"$stamp"
}

# Its defaults for a front of this cluster; what the caller has set stays as it is.
serve() {
  local gateway=${CLUSTER_AI_GATEWAY_URL:-http://127.0.0.1:11435}
  export DATA_DIR=${DATA_DIR:-${CLUSTER_AI_OPEN_WEBUI_DATA:-$root/.open-webui}}
  mkdir -p "$DATA_DIR" && chmod 700 "$DATA_DIR" || return 1
  export USE_SLIM_DOCKER=${USE_SLIM_DOCKER:-true} OLLAMA_BASE_URLS=${OLLAMA_BASE_URLS:-$gateway}
  # From its second start on it would otherwise ignore this environment.
  export ENABLE_PERSISTENT_CONFIG=${ENABLE_PERSISTENT_CONFIG:-false} ENABLE_OPENAI_API=${ENABLE_OPENAI_API:-false}
  # Whose chat it is, and whether a person waits for the answer: the gateway's queue goes by it.
  export ENABLE_FORWARD_USER_INFO_HEADERS=${ENABLE_FORWARD_USER_INFO_HEADERS:-true}
  export OLLAMA_API_CONFIGS=${OLLAMA_API_CONFIGS:-'{"0":{"headers":{"X-Cluster-Task":"{{TASK}}"}}}'}
  export RAG_EMBEDDING_ENGINE=${RAG_EMBEDDING_ENGINE:-ollama} RAG_OLLAMA_BASE_URL=${RAG_OLLAMA_BASE_URL:-$gateway}
  export RAG_EMBEDDING_MODEL=${RAG_EMBEDDING_MODEL:-all-minilm:latest}
  # Nothing leaves this machine by itself, and no model is fetched.
  export OFFLINE_MODE=${OFFLINE_MODE:-true} HF_HUB_OFFLINE=${HF_HUB_OFFLINE:-1}
  export ENABLE_VERSION_UPDATE_CHECK=${ENABLE_VERSION_UPDATE_CHECK:-false} AUDIO_STT_ENGINE=${AUDIO_STT_ENGINE:-webapi}
  export ANONYMIZED_TELEMETRY=false DO_NOT_TRACK=true SCARF_NO_ANALYTICS=true
  # The secret that signs its sessions is written to the folder in which it starts. Of an option given twice the last counts.
  cd "$DATA_DIR" && exec "$venv/bin/open-webui" serve --host 127.0.0.1 --port 3000 "$@"
}

main() {
  local code=0
  install || code=$?
  [ "$code" -eq 0 ] || return "$code"
  [ "${1:-}" = serve ] || return 0
  shift
  serve "$@"
}

main "$@"
