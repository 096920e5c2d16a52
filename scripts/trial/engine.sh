#!/bin/sh
# Run Docker's daemon in the Debian tree $1 with namespaces and a file system root of its own; $2 is its data, $3 what
# it shares with the machine, $4 the repository. A chroot would not do: `docker exec` would land in the machine's root.
set -eu
tree=$1
mount --make-rprivate /
mount --bind "$tree" "$tree"
mount --types proc proc "$tree/proc"
mount --rbind /sys "$tree/sys"
mount --rbind /dev "$tree/dev"
mount --types tmpfs tmpfs "$tree/run"
mount --types tmpfs tmpfs "$tree/tmp"
mkdir -p "$tree/var/lib/docker" "$tree/try" "$tree/repo" "$tree/old"
mount --bind "$2" "$tree/var/lib/docker"
mount --bind "$3" "$tree/try"
mount --bind "$4" "$tree/repo"
cd "$tree"
pivot_root . old
umount --lazy /old
ip link set lo up
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
  dockerd --storage-driver overlay2 --log-level warn >/try/dockerd.log 2>&1
