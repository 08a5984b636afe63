# What sides are made of. A run calls the side's `before`, starts the recorder, calls `during`, stops the recorder, and calls
# `after`. RUN is the number of the run on its side, from 1.

# Three ram disks of 64 MiB: /dev/ram0 to /dev/ram2.
ram_disks() {
    modprobe brd rd_nr=3 rd_size=65536
}

# Three disks of 4 GiB that serve one request at a time, each in 4 ms, and keep nothing: /dev/nullb0 to /dev/nullb2. A ram disk
# has no queue in which one request could wait for another.
slow_disks() {
    [ ! -e /dev/nullb0 ] || return 0
    modprobe null_blk nr_devices=0
    mount -t configfs configfs /sys/kernel/config 2> /dev/null || true
    for disk in 0 1 2; do
        settings=/sys/kernel/config/nullb/nullb$disk
        mkdir $settings
        for setting in size=4096 irqmode=2 completion_nsec=4000000 hw_queue_depth=1 submit_queues=1 power=1; do
            echo "${setting#*=}" > "$settings/${setting%%=*}"
        done
        # Without a queue before the disk, whoever sends it a second request waits himself.
        echo mq-deadline > /sys/block/nullb$disk/queue/scheduler
        echo 128 > /sys/block/nullb$disk/queue/nr_requests
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

# in_sync [N]: waits until N regions of the mirror are in sync, which are the first ones, or all.
in_sync() {
    # `0 32768 mirror 2 1:0 1:1 8/8 1 AA 3 disk …`
    while
        ratio=$(dmsetup status gate | grep -Eo ' [0-9]+/[0-9]+ ')
        [ "${ratio%/*}" -lt "${1:-${ratio#*/}}" ]
    do sleep 0.1; done
}

# load JOBS [AREA [PERCENT]]: direct writes of 4 KiB to the first AREA bytes of the mirror, or all over it; WRITES of them in all,
# or so many percent of those, or as many as there is time for in LONG seconds. READS percent of them are reads instead, if it
# is set. A run has the same places on every side.
load() {
    limit="--number_ios=$((WRITES * ${3:-100} / 100 / $1))"
    [ -z "$LONG" ] || limit="--time_based --runtime=$LONG"
    fio --name=load --filename=/dev/mapper/gate ${2:+--size="$2"} --direct=1 --rw=randrw --rwmixread="${READS:-0}" --bs=4k \
        --ioengine=psync --thread --numjobs="$1" --randseed="$RUN" $limit --group_reporting --output-format=terse > /tmp/fio.txt ||
        { cat /tmp/fio.txt; exit 1; }
}
