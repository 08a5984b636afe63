# Runs in the guest: records the whole life of a mirror, from its creation over its first resync to its removal.
set -e
modprobe brd rd_nr=3 rd_size=65536
modprobe dm-mirror
dmlog-top record -o /out/demo.dmlog --duration 10s &
recorder=$!
# The recorder has attached when the file begins to grow.
tries=0
until [ -s /out/demo.dmlog ]; do
    kill -0 $recorder
    tries=$((tries + 1))
    [ $tries -lt 300 ]
    sleep 0.1
done
# 128 regions of 512 KiB: two legs and a log device, all of them ram disks.
dmsetup create demo --noudevsync \
    --table "0 131072 mirror disk 2 /dev/ram2 1024 2 /dev/ram0 0 /dev/ram1 0 1 handle_errors"
dmsetup mknodes
fio --name=load --filename=/dev/mapper/demo --direct=1 --rw=randwrite --bs=4k --ioengine=psync --numjobs=2 \
    --time_based --runtime=7 --group_reporting --output-format=terse > /out/fio.txt
dmsetup status demo
wait $recorder
dmsetup remove demo
