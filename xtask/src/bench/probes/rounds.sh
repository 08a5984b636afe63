# What `bench probes` runs: three rounds of every kind of tracing, untraced runs between, the peer in each. `load.sh` goes before.
peer() {
  funclatency core_mark_region >/tmp/peer1 2>&1 &
  one=$!
  funclatency disk_flush >/tmp/peer2 2>&1 &
  two=$!
  # It says that it traces only once its buffer is full; guest time is instructions, so this wait is always the same.
  sleep 4
  runs funclatency
  kill -INT $one $two
  wait $one
  wait $two
  # Proof that both were attached: a line of a distribution with a count.
  grep -q '[1-9][0-9]* *|\*' /tmp/peer1 && grep -q '[1-9][0-9]* *|\*' /tmp/peer2 || { cat /tmp/peer1 /tmp/peer2; exit 1; }
}

once >/dev/null
for round in 1 2 3; do
  runs base
  traced two-fentry --hook core_mark_region --hook disk_flush
  traced two-kprobe --hook core_mark_region --hook disk_flush --probe kprobe
  peer
  runs base
  traced all-fentry
  traced all-kprobe --probe kprobe
  recorded running-fentry
done
