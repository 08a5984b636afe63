# What sides are made of. A run calls the side's `before`, starts the recorder, calls `during`, stops the recorder, and calls
# `after`. RUN is the number of the run on its side, from 1.

# Three ram disks of 64 MiB: /dev/ram0 to /dev/ram2.
ram_disks() {
    modprobe brd rd_nr=3 rd_size=65536
}

# Three disks of 1 GiB that serve one request at a time, each in 4 ms, and keep nothing: /dev/nullb0 to /dev/nullb2. A ram disk
# has no queue in which one request could wait for another.
slow_disks() {
    [ ! -e /dev/nullb0 ] || return 0
    modprobe null_blk nr_devices=0
    mount -t configfs configfs /sys/kernel/config 2> /dev/null || true
    for disk in 0 1 2; do
        settings=/sys/kernel/config/nullb/nullb$disk
        mkdir $settings
        for setting in size=1024 irqmode=2 completion_nsec=4000000 hw_queue_depth=1 submit_queues=1 power=1; do
            echo "${setting#*=}" > "$settings/${setting%%=*}"
        done
    done
}

# device NAME TABLE: /dev/mapper/NAME
device() {
    dmsetup create "$1" --noudevsync --table "$2"
    dmsetup mknodes
}

# remove NAME: somebody may still have it open for a moment.
remove() {
    dmsetup remove --noudevsync --retry "$1"
}

# mirror SECTORS LEG LEG LOG-DEVICE REGION-SECTORS [sync|nosync]: /dev/mapper/gate. The log device is blank at first.
mirror() {
    modprobe dm-mirror
    dd if=/dev/zero of="$4" bs=64k count=1 conv=fsync 2> /dev/null
    device gate "0 $1 mirror disk $((2 + ($# > 5))) $4 $5${6:+ $6} 2 $2 0 $3 0 1 handle_errors"
}

# Waits until all regions of the mirror are in sync.
in_sync() {
    # `0 32768 mirror 2 1:0 1:1 8/8 1 AA 3 disk …`
    until dmsetup status gate | grep -Eq ' ([0-9]+)/\1 '; do sleep 0.1; done
}

# writes JOBS: direct writes of 4 KiB all over the mirror, WRITES of them in all, or for LONG. A run has the same
# places in the same order on every side.
writes() {
    limit="--number_ios=$((WRITES / $1))"
    [ -z "$LONG" ] || limit="--time_based --runtime=$LONG"
    fio --name=load --filename=/dev/mapper/gate --direct=1 --rw=randwrite --bs=4k --ioengine=psync --thread --numjobs="$1" \
        --randseed="$RUN" $limit --group_reporting --output-format=terse > /tmp/fio.txt || { cat /tmp/fio.txt; exit 1; }
}
