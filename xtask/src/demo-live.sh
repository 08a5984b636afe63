# Runs in the guest, at the terminal: two mirrors under load, and dmlog-top live. The log device of `demo` is slow, and
# `rebuild` is being recovered.
modprobe brd rd_nr=5 rd_size=65536
modprobe dm-delay
modprobe dm-mirror
dmsetup create --noudevsync slowlog --table "0 2048 delay /dev/ram2 0 0 /dev/ram2 0 4"
dmsetup create --noudevsync slowleg --table "0 131072 delay /dev/ram3 0 40"
dmsetup mknodes
# 128 regions of 512 KiB, and 2,048 of 32 KiB.
dmsetup create --noudevsync demo \
    --table "0 131072 mirror disk 2 /dev/mapper/slowlog 1024 2 /dev/ram0 0 /dev/ram1 0 1 handle_errors"
dmsetup create --noudevsync rebuild --table "0 131072 mirror core 1 64 2 /dev/mapper/slowleg 0 /dev/ram4 0 1 handle_errors"
dmsetup mknodes
fio --name=hot --filename=/dev/mapper/demo --direct=1 --rw=randwrite --bs=4k --ioengine=psync --offset=10m --size=512k \
    --thinktime=20000 --time_based --runtime=3600 \
    --name=cold --filename=/dev/mapper/demo --direct=1 --rw=randwrite --bs=4k --ioengine=psync \
    --thinktime=60000 --time_based --runtime=3600 > /dev/null 2>&1 &
load=$!
dmlog-top
status=$?
kill $load
wait $load 2> /dev/null
exit $status
