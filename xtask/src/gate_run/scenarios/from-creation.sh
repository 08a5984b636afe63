# Recorded from its creation, on disks that serve one request at a time; SYNC says whether the mirror has to copy its 32 regions of
# 8 MiB, which takes longer than the load.
before() {
    slow_disks
}
during() {
    mirror 524288 /dev/nullb0 /dev/nullb1 /dev/nullb2 16384 "$SYNC"
    writes 4
}
after() {
    remove gate
}
