# Runs in the guest, where a nanosecond is an instruction. Lines that start with `R` are the times of single runs in seconds,
# lines that start with `E` are events and bytes of a recording of those runs.
modprobe brd rd_nr=3 rd_size=65536
modprobe dm-mirror
dmsetup create m0 --noudevsync --table "0 131072 mirror disk 2 /dev/ram2 1024 2 /dev/ram0 0 /dev/ram1 0 1 handle_errors"
dmsetup mknodes
while ! dmsetup status m0 | grep -q 128/128; do sleep 0.2; done

once() {
  /bin/gnudd if=/dev/zero of=/dev/mapper/m0 bs=4096 count=4000 oflag=direct 2>&1 | tail -1 | sed 's/.*copied, //; s/ s,.*//'
}
runs() {
  name=$1
  sleep 1
  times=""
  for i in 1 2 3 4 5; do
    times="$times $(once)"
    sleep 0.2
  done
  echo "R $name$times"
}
# A stopped recorder costs nothing: what is left is the probes. A running one shares the only processor with the load.
traced() {
  name=$1
  shift
  rm -f /tmp/err
  dmlog-top record -o /tmp/t.dmlog --ring-size 128M "$@" 2>/tmp/err &
  pid=$!
  while ! grep -qs "recording to" /tmp/err; do
    kill -0 $pid || { cat /tmp/err; exit 1; }
    sleep 0.1
  done
  kill -STOP $pid
  runs "$name"
  kill -CONT $pid
  sleep 1
  kill -TERM $pid
  wait $pid || { cat /tmp/err; exit 1; }
  echo "E $name $(sed -n 's/.*: \([0-9]*\) events in .* s, \([0-9]*\) lost.* \([0-9]*\) bytes$/\1 \2 \3/p' /tmp/err)"
}
recorded() {
  name=$1
  shift
  rm -f /tmp/err
  dmlog-top record -o /tmp/t.dmlog "$@" 2>/tmp/err &
  pid=$!
  while ! grep -qs "recording to" /tmp/err; do
    kill -0 $pid || { cat /tmp/err; exit 1; }
    sleep 0.1
  done
  runs "$name"
  sleep 1
  kill -TERM $pid
  wait $pid || { cat /tmp/err; exit 1; }
  echo "E $name $(sed -n 's/.*: \([0-9]*\) events in .* s, \([0-9]*\) lost.* \([0-9]*\) bytes$/\1 \2 \3/p' /tmp/err)"
}
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
