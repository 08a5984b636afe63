# A log device that takes DELAY ms more for each write and each flush.
before() {
    ram_disks
    modprobe dm-delay
    device gate-log "0 2048 delay /dev/ram2 0 0 /dev/ram2 0 $DELAY"
    mirror 32768 /dev/ram0 /dev/ram1 /dev/mapper/gate-log 4096
    in_sync
}
during() {
    load 2
}
after() {
    remove gate
    remove gate-log
}
