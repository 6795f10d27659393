#!/bin/sh
# Holds the disk of a machine that boots, says "ready", ends with its standard input, and with it, as PID 1 of new
# namespaces, the whole machine.
#   booting.sh SYSTEM FOLDER SPACE PYTHON     SPACE is its network's; the disk is FOLDER/disk: SYSTEM below, what changes in FOLDER/changes
set -eu
cd "$2"
mkdir -p disk changes/upper changes/work
lay() { mount -t overlay overlay -o "lowerdir=$1,upperdir=changes/upper,workdir=changes/work" disk 2>/dev/null; }
# In a container the folder may be on a file system that carries no upper layer: then what changes lies in memory.
if ! lay "$1"; then
  mount -t tmpfs -o mode=755 tmpfs changes
  mkdir changes/upper changes/work
  lay "$1"
fi
# What starts containers writes to /run: not to the box's.
: >space
mount --bind "/run/netns/$3" space
mount -t tmpfs -o mode=755 tmpfs /run
exec "$4" -ISc 'import signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("ready", flush=True)
sys.stdin.read()'
