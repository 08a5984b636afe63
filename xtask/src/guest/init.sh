#!/bin/sh
# The first process of a guest: prepares the machine, runs /dmlog/script, prints one verdict line, powers off.
# Kernel messages go to ttyS0; everything of the script goes to ttyS1.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=linux LANG=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm /dev/mapper
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
# devtmpfs does not make these, and shells write to /dev/fd/N.
ln -sf /proc/self/fd /dev/fd
ln -sf fd/0 /dev/stdin
ln -sf fd/1 /dev/stdout
ln -sf fd/2 /dev/stderr
exec < /dev/null > /dev/ttyS1 2>&1
# Text must arrive as it was written: no carriage returns.
stty -F /dev/ttyS1 raw -echo 2> /dev/null
mount -t tracefs tracefs /sys/kernel/tracing
mount -t debugfs debugfs /sys/kernel/debug
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t configfs configfs /sys/kernel/config 2> /dev/null
hostname dmlog
ip link set lo up
for module in virtio_pci 9pnet_virtio 9p; do
    modprobe "$module" || echo "dmlog-guest: module $module does not load"
done
if ! mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 out /out; then
    echo "dmlog-guest: the shared folder /out cannot be mounted"
    echo "dmlog-guest: exit 125"
    poweroff -f
fi
cd /root
if [ -e /dmlog/terminal ]; then
    stty -F /dev/ttyS1 sane
    setsid -c sh /dmlog/terminal < /dev/ttyS1 > /dev/ttyS1 2>&1
else
    sh /dmlog/script
fi
status=$?
cd /
sync
umount /out
echo "dmlog-guest: exit $status"
# The host reads the verdict from a serial port, which must drain first.
poweroff -f
