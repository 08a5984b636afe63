# Recorded from its creation, on disks that serve one request at a time. SYNC says whether the mirror has to copy its 1,024 regions of
# 1 MiB, which takes longer than the load. One writer writes to the first 16, once those are in sync: a write to a region that is
# not goes to one leg and marks nothing, which would be another load.
before() {
    slow_disks
}
during() {
    mirror 2097152 /dev/nullb0 /dev/nullb1 /dev/nullb2 2048 "$SYNC"
    in_sync 16
    load 1 16m 33
}
after() {
    remove gate
}
