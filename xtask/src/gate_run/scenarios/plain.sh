# A mirror of 16 MiB with a disk log on its own ram disk; regions of REGION sectors.
before() {
    ram_disks
    mirror 32768 /dev/ram0 /dev/ram1 /dev/ram2 "$REGION"
    in_sync
}
during() {
    load 4
}
after() {
    remove gate
}
