# Runs in the guest, after lines that set SIDES (folders below /out, each with its `side.sh`), ORDER (one of them for each run),
# HOOKS (arguments of the recorder), WRITES or LONG (seconds). Records every run into the next file of its side: /out/SIDE/01.dmlog,
# 02.dmlog, …
set -e

# Starts a recorder and waits until it has attached.
start_recorder() {
    rm -f /tmp/said
    dmlog-top record $HOOKS -o "$1" 2> /tmp/said &
    recorder=$!
    until grep -qs "recording to" /tmp/said; do
        kill -0 $recorder || { cat /tmp/said; exit 1; }
        sleep 0.05
    done
}

stop_recorder() {
    kill -TERM $recorder
    wait $recorder || { cat /tmp/said; exit 1; }
}

# One run of a side, in a shell of its own: what a side defines ends with its run.
run() {
    . /out/toolbox.sh
    . "/out/$1/side.sh"
    before
    start_recorder "$2"
    during
    stop_recorder
    after
    # `FILE: 1234 events in 3.2 s, 0 lost, 4567 bytes`, and when, by the guest's clock.
    echo "$(cut -d' ' -f1 /proc/uptime) $(tail -n 1 /tmp/said)"
}

for side in $SIDES; do
    eval "count_$(echo "$side" | tr -c 'a-z0-9\n' _)=0"
done
for side in $ORDER; do
    count=count_$(echo "$side" | tr -c 'a-z0-9\n' _)
    eval "RUN=\$(($count + 1)) $count=\$(($count + 1))"
    (run "$side" "/out/$side/$(printf %02d $RUN).dmlog")
done
