# Runs in the guest: records one and the same thing again and again, for the gate to be tried on. $RUNS runs of $SECONDS_EACH seconds
# into /out. The log device serves one request after the other, a millisecond each, and somebody else reads from it, more in some
# seconds than in others: so flushes wait as long as those before them, and neighbouring seconds are alike.
set -e
modprobe brd rd_nr=3 rd_size=65536
modprobe dm-mirror
modprobe null_blk nr_devices=1 gb=1 irqmode=2 completion_nsec=1000000 hw_queue_depth=1 submit_queues=1

# Arrivals are random, as those of people are.
load() {
    fio --name=load --filename="$1" --direct=1 --rw="$2" --bs=4k --ioengine=psync --randrepeat=0 --offset=16m \
        --time_based --runtime="$3" --rate_iops="$4" --rate_process=poisson --output-format=terse > /dev/null
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
        while [ $left -gt 3 ]; do
            load /dev/nullb0 randread 2 300
            sleep 1
            left=$((left - 3))
        done
    ) &
    neighbour=$!
    load /dev/mapper/gate randwrite "$SECONDS_EACH" 150
    wait $neighbour
    kill -TERM $recorder
    wait $recorder
    tail -1 /tmp/err
    dmsetup remove gate
    number=$((number + 1))
done
