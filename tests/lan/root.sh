#!/bin/sh
# Makes what debootstrap laid out a machine that somebody uses: a user, no keys and no name yet, a journal that is kept.
#   root.sh FOLDER
set -eu
cd "$1"
mount --bind /dev dev
mount -t proc proc proc
chroot . /bin/sh -eu <<'INSIDE'
useradd --create-home --uid 1000 --shell /bin/bash owner
usermod --password '*' owner
printf 'owner ALL=(ALL) NOPASSWD: ALL\n' >/etc/sudoers.d/owner
chmod 440 /etc/sudoers.d/owner
install -d -m 700 -o owner -g owner /home/owner/.ssh
install -d -m 700 /root/.ssh
mkdir -p /var/lib/systemd/linger /var/log/journal
# Keys, name and number are each machine's own.
rm -f /etc/ssh/ssh_host_* /etc/hostname
: >/etc/machine-id
systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer dpkg-db-backup.timer \
  systemd-networkd-wait-online.service
systemctl enable --quiet ssh.service
rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/* /var/log/*.log
INSIDE
umount proc dev
