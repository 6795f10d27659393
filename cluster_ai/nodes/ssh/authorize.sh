#!/bin/sh
# Puts one line into this user's authorized_keys, or takes it out; a line is known by the word at its end.
#   $1 the word   $2 the line, or nothing to take it out
set -eu
umask 077
mkdir -p "$HOME/.ssh"
file=$HOME/.ssh/authorized_keys
[ ! -L "$file" ] || file=$(readlink -f "$file")
[ -e "$file" ] || : >"$file"
draft=$file.$$.part
trap 'rm -f "$draft"' EXIT
# Beside the other lines, in one step; they keep their owner and their rights.
cp -p "$file" "$draft"
awk -v word="$1" '$NF != word' "$file" >"$draft"
[ -z "$2" ] || printf '%s\n' "$2" >>"$draft"
mv -f "$draft" "$file"
