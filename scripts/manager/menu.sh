#!/usr/bin/env bash
# A menu over the command line, without logic of its own: every entry prints the command and runs it.
# Digits, or arrows and Enter, on a terminal; lines of input when piped. Fits 80x24.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# shellcheck source=scripts/manager/words.sh
. "$root/scripts/manager/words.sh"

# What a place of the menu offers: NAME|COMMAND on each line. "> PLACE" leads on; a word in <> is asked for.
entries() { # entries PLACE
  case $1 in
    main)
      cat <<'END'
run|> run
machines|> machines
models|> models
chat|chat
monitor|> monitor
work|> work
security|> security
upkeep|> upkeep
settings|> settings
END
      ;;
    run)
      cat <<'END'
start|start
stop|stop
restart|restart
status|status
ps|ps
open|open
END
      ;;
    machines)
      cat <<'END'
nodes|node ls
discover|node discover
invite|node invite
invitations|node invitations
add|node add <machine>
drain|node drain <node>
undrain|node uncordon <node>
workers|compute workers
node_show|node show <node>
node_logs|node logs <node>
wake|node wake <node>
reboot|node reboot <node>
power|power
heads|ha
END
      ;;
    models)
      cat <<'END'
model_list|model ls
search|model search <word>
pull|model pull <model>
pulls|model pulls
load|model load <model>
unload|model unload <model>
model_show|model show <model>
bench|model bench <model>
import|model import <model> <file>
fit|model fit <model>
END
      ;;
    monitor)
      cat <<'END'
tui|tui
watch|status --watch
alerts|alerts
events|events
logs|logs
log_search|logs search <word>
usage|usage
calls|gateway log
decisions|gateway decisions
gateway|gateway status
metrics|metrics
END
      ;;
    work)
      cat <<'END'
plans|plan list
plan|plan show <plan>
tickets|ticket list
ticket|ticket show <ticket>
slos|slo list
freezes|freeze list
jobs|compute jobs
services|svc ls
webhooks|webhook list
plan_run|plan run <file>
ticket_logs|ticket logs <ticket>
approve|ticket approve <ticket>
retry|ticket retry <ticket>
cancel|ticket cancel <ticket>
END
      ;;
    security)
      cat <<'END'
whoami|auth whoami
password|auth set-password
people|auth user ls
keys|key list
key|key create <name>
tls|tls show
renew|tls renew
firewall|firewall show
firewall_apply|firewall apply
sessions|auth session ls
audit|audit ls
END
      ;;
    upkeep)
      cat <<'END'
diag|diag
doctor_fix|doctor --fix safe
backup|backup create
backups|backup ls
update|update status
update_check|update check
update_apply|update apply
update_back|update rollback
gc|model gc
version|version
service|service status
pack|update pack <file>
END
      ;;
    settings)
      cat <<'END'
config|config show
config_set|config set <setting> <value>
config_unset|config unset <setting>
config_path|config path
reload|reload
init|init
END
      ;;
  esac
}

bold='' dim='' inverse='' plain='' clear=''
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then
  clear=$'\033[H\033[2J'
  inverse=$'\033[7m' plain=$'\033[0m'
  [ -n "${NO_COLOR:-}" ] || { bold=$'\033[1m' dim=$'\033[2m'; }
fi

go_to() { # go_to PLACE
  local name command
  place=$1 cursor=0 names=() commands=()
  while IFS='|' read -r name command; do
    names+=("$name") commands+=("$command")
  done <<END
$(entries "$place")
END
}

# One line on top: how the cluster is. Asked of the CLI after each command.
state_line() {
  local said
  [ -x "$root/.venv/bin/cluster-ai" ] || { words state_new && return; }
  said=$("$root/manager.sh" status --line 2>/dev/null)
  if [ -n "$said" ]; then printf '%s' "$said"; else words state_down; fi
}

shown_command() { # shown_command COMMAND: what stands beside an entry
  case $1 in '> '*) printf '→' ;; *) printf './manager.sh %s' "$1" ;; esac
}

draw() {
  local index mark name room title
  title=$(words menu_title)
  [ "$place" = main ] || title="$title > $(words "menu_$place")"
  printf '%s%s%s  %s%s%s\n\n' "$clear" "$bold" "$title" "$plain$dim" "${state:0:$((76 - ${#title}))}" "$plain"
  for index in "${!names[@]}"; do
    mark=' '
    [ "$index" -eq "$cursor" ] && mark=$inverse
    name=$(words "menu_${names[index]}")
    # printf pads by bytes; an accent is more than one.
    room=$((30 - ${#name}))
    [ "$room" -gt 0 ] || room=0
    printf '%s %2s  %s%*s%s %s%s%s\n' "$mark" "$((index + 1))" "$name" "$room" '' \
      "$plain" "$dim" "$(shown_command "${commands[index]}")" "$plain"
  done
  if [ "$place" = main ]; then printf '\n%s' "$(words menu_pick)"; else printf '\n%s' "$(words menu_pick_back)"; fi
  [ -t 0 ] && printf ' ' || printf '\n'
}

# A slip of the finger must not end the answers of everybody.
may_run() { # may_run COMMAND
  local said=''
  [ -t 0 ] || return 0
  case $1 in stop | restart) ;; *) return 0 ;; esac
  printf '\n%s ' "$(words menu_sure)"
  IFS= read -rsn1 said || return 1
  printf '\n'
  case $said in [yYsS]) return 0 ;; *) return 1 ;; esac
}

# A line of a terminal is read by readline: what was typed ahead, before the question stood there, would otherwise come
# as one piece, and bash keeps what is behind the first Enter of it for some later question.
ask() { # ask QUESTION: puts the answer into `said`
  if [ -t 0 ]; then
    printf '\n'
    IFS= read -rep "$1: " said
  else
    IFS= read -r said
  fi
}

# Puts into `filled` the words of a command, each <word> of it asked for; false when none was given.
fill() { # fill COMMAND
  local word said
  filled=()
  for word in $1; do
    case $word in
      '<'*'>')
        word=${word#<}
        ask "$(words "ask_${word%>}")" || return 1
        [ -n "$said" ] || return 1
        # What begins with a minus is still no option of the command.
        case $said in -*) say menu_no_word "$said" && return 1 ;; esac
        filled+=("$said")
        ;;
      *) filled+=("$word") ;;
    esac
  done
}

run_entry() { # run_entry INDEX
  local command=${commands[$1]} code=0 filled
  case $command in
    '> '*)
      go_to "${command#> }"
      return
      ;;
  esac
  may_run "$command" && fill "$command" || return 0
  printf '\n%s$ ./manager.sh %s%s\n' "$bold" "${filled[*]}" "$plain"
  # Ctrl-C ends what runs, and not the menu.
  trap : INT
  if [ -t 0 ]; then "$root/manager.sh" "${filled[@]}" || code=$?; else "$root/manager.sh" "${filled[@]}" </dev/null || code=$?; fi
  trap - INT
  last_code=$code
  state=$(state_line)
  [ -t 0 ] || return 0
  printf '\n%s%s%s' "$dim" "$(words menu_back)" "$plain"
  wait_for_key
}

# One key of a terminal: a digit or letter, or up, down, enter, back.
read_key() {
  local first rest=''
  IFS= read -rsn1 first || return 1
  case $first in
    $'\033')
      IFS= read -rsn2 -t 1 rest || true
      case $rest in '[A' | 'OA') key=up ;; '[B' | 'OB') key=down ;; '[C' | 'OC') key=enter ;; *) key=b ;; esac
      ;;
    '') key=enter ;;
    $'\177' | $'\b') key=b ;;
    *) key=$first ;;
  esac
}

# Any key goes on; none of it is left for the menu.
wait_for_key() {
  local key=''
  [ ! -t 0 ] || read_key || true
}

read_choice() {
  if [ -t 0 ]; then read_key; else IFS= read -r key; fi
}

choose() { # choose KEY: an entry by its number; a key of a terminal is one digit
  case $1 in
    [1-9] | [1-9][0-9]) if [ "$1" -le "${#names[@]}" ]; then
      cursor=$(($1 - 1))
      run_entry "$cursor"
      return
    fi ;;
  esac
  printf '\n' && say menu_unknown "$1"
  last_code=2
}

main() {
  local key='' place cursor names commands state
  last_code=0
  state=$(state_line)
  go_to main
  while :; do
    draw
    read_choice || break
    case $key in
      q) break ;;
      b) if [ "$place" = main ] && [ -t 0 ]; then break; else go_to main; fi ;;
      '?') printf '\n%s\n' "$(words menu_help)" && wait_for_key ;;
      up) cursor=$(((cursor + ${#names[@]} - 1) % ${#names[@]})) ;;
      down) cursor=$(((cursor + 1) % ${#names[@]})) ;;
      enter) run_entry "$cursor" ;;
      '') ;;
      *) choose "$key" ;;
    esac
  done
  [ -t 0 ] && printf '\n'
  # Piped, the caller learns how the last command ended.
  [ -t 0 ] && return 0
  return "$last_code"
}

main
