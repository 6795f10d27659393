#!/usr/bin/env bash
# Installs what the tests need from the distribution, when it is missing and we may: as root, or with sudo that does
# not ask. The product itself needs none of it. Exit: 0 all there, 4 something is missing and we may not install it.
set -u

# What is looked for, and the Debian package that brings it.
needed() {
  cat <<'LIST'
initdb postgresql
redis-server redis-server
chromium chromium
tmux tmux
strace strace
mkfs.ext4 e2fsprogs
curl curl
promtool prometheus
amtool prometheus-alertmanager
git git
nginx nginx-light
wrk wrk
ip iproute2
nft nftables
sshd openssh-server
ssh openssh-client
debootstrap debootstrap
openssl openssl
promtool prometheus
amtool prometheus-alertmanager
systemd-nspawn systemd-container
faketime faketime
bwrap bubblewrap
podman podman
runc runc
cc gcc
/usr/include/stdlib.h libc6-dev
LIST
}

is_there() {
  case $1 in
    initdb) command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ;;
    chromium) command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ;;
    /*) [ -f "$1" ] ;;
    *) PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1 ;;
  esac
}

missing() {
  local tool package
  needed | while read -r tool package; do
    is_there "$tool" || printf '%s\n' "$package"
  done
  # Without fonts Chromium draws boxes, and pictures prove nothing.
  fc-list 2>/dev/null | grep -q DejaVu || printf 'fonts-dejavu-core\n'
}

install() {
  local as=''
  [ "$(id -u)" -eq 0 ] || as='sudo -n'
  # The database server's package must not start a server of its own.
  # shellcheck disable=SC2086  # `sudo -n` is two words
  $as env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
    $as env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -q -y --no-install-recommends "$@"
}

main() {
  local list
  list=$(missing)
  [ -n "$list" ] || return 0
  # shellcheck disable=SC2086  # package names, one word each
  set -- $list
  printf 'The tests need from the distribution: %s\n' "$*" >&2
  if ! command -v apt-get >/dev/null 2>&1 || { [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; }; then
    printf 'Install them (Debian, Ubuntu: sudo apt-get install %s), then run this again.\n' "$*" >&2
    return 4
  fi
  install "$@" >&2 || true
  list=$(missing)
  [ -z "$list" ] && return 0
  printf 'Still missing: %s\n' "${list//$'\n'/ }" >&2
  return 4
}

main
