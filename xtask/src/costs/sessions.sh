# What `cargo xtask costs` runs behind the load: each kind of tracing, with untraced runs before, between and after. Some runs
# of the load take another path through the kernel's workers, one in five or so, and one in fifty makes more calls: the median
# of nine runs is none of them.
once >/dev/null
untraced() {
  RUNS=6
  runs base
  RUNS=9
}
untraced
traced two-fentry --hook core_mark_region --hook disk_flush
traced two-kprobe --hook core_mark_region --hook disk_flush --probe kprobe
untraced
traced all-fentry
untraced
RUNS=3
recorded running-fentry
