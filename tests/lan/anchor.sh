#!/bin/sh
# The first process of a machine: makes its file system its own, says "ready", ends with its standard input, and all
# processes of the machine with it. Run as PID 1 of new namespaces.
#   anchor.sh NAME FOLDER PYTHON     FOLDER holds etc/ (laid over the system's), owner/ (a home) and home/ (root's)
set -eu
hostname "$1"
# What a network interface is called is told by /sys of its namespace; cgroups are told below it.
mount --rbind /sys/fs/cgroup /mnt
mount -t sysfs sysfs /sys
mount --move /mnt /sys/fs/cgroup
# Layers that change lie in memory: the folder may itself be on a file system that can carry none.
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/over /mnt/work
cp -a "$2/etc/." /mnt/over
mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/over,workdir=/mnt/work /etc
umount -l /mnt
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/sshd /run/lock /run/user
mkdir -m 700 /run/user/0 /run/user/1000
chown 1000:1000 /run/user/1000
mount -t tmpfs -o mode=755 tmpfs /home
mkdir /home/owner
mount --bind "$2/owner" /home/owner
# Orphans that end are nobody's to wait for: the kernel takes them away. (A shell waits for them whatever it is told.)
exec "$3" -ISc 'import signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("ready", flush=True)
sys.stdin.read()'
