# Legs on disks 0 and 1, which serve one request at a time; the log behind the mirror's 16 MiB on disk LOG. Reads are served by the
# first leg, so a flush of a log on it waits for them.
READS=50
before() {
    slow_disks
    device gate-log "0 2048 linear /dev/nullb$LOG 32768"
    mirror 32768 /dev/nullb0 /dev/nullb1 /dev/mapper/gate-log 4096 nosync
}
during() {
    # Few of the writes flush the log.
    load 8 "" 200
}
after() {
    remove gate
    remove gate-log
}
