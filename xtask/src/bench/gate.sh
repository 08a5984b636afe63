# Runs in the guest: records one and the same thing again and again, for the gate to be tried on. $RUNS runs of $SECONDS_EACH seconds
# into /out. The log device takes a millisecond for a request, and serves one after the other; one writer works all the time and
# another one comes and goes, so that neighbouring seconds are alike.
set -e
modprobe brd rd_nr=3 rd_size=65536
modprobe dm-mirror
modprobe null_blk nr_devices=1 gb=1 irqmode=2 completion_nsec=1000000 hw_queue_depth=1 submit_queues=1

# Waits between two writes are random, as those of people are.
load() {
    fio --name="$1" --filename=/dev/mapper/gate --direct=1 --rw=randwrite --bs=4k --ioengine=psync --randrepeat=0 \
        --time_based --runtime="$2" --rate_iops="$3" --rate_process=poisson --output-format=terse > /dev/null
}
number=1
while [ $number -le "$RUNS" ]; do
    dmsetup create gate --noudevsync \
        --table "0 131072 mirror disk 2 /dev/nullb0 1024 2 /dev/ram0 0 /dev/ram1 0 1 handle_errors"
    dmsetup mknodes
    until dmsetup status gate | grep -q 128/128; do sleep 0.1; done
    rm -f /tmp/err
    dmlog-top record -o "/out/$(printf %02d $number).dmlog" 2> /tmp/err &
    recorder=$!
    until grep -qs "recording to" /tmp/err; do
        kill -0 $recorder
        sleep 0.1
    done
    (
        left=$SECONDS_EACH
        while [ $left -gt 5 ]; do
            busy=$((1 + RANDOM % 4))
            idle=$((1 + RANDOM % 3))
            load neighbour $busy 150
            sleep $idle
            left=$((left - busy - idle))
        done
    ) &
    neighbour=$!
    load load "$SECONDS_EACH" 80
    wait $neighbour
    kill -TERM $recorder
    wait $recorder
    tail -1 /tmp/err
    dmsetup remove gate
    number=$((number + 1))
done
