# Runs in the guest, where a nanosecond is an instruction, before the script that says which sessions there are. Lines that
# start with `R` are the times of single runs in seconds, lines that start with `E` are events, lost and bytes of a recording
# of those runs.
RUNS=5
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
  for i in $(seq $RUNS); do
    times="$times $(once)"
    sleep 0.2
  done
  echo "R $name$times"
}
# Starts a recorder; it has attached when it says so.
begun() {
  rm -f /tmp/err
  dmlog-top record -o /tmp/t.dmlog "$@" 2>/tmp/err &
  pid=$!
  while ! grep -qs "recording to" /tmp/err; do
    kill -0 $pid || { cat /tmp/err; exit 1; }
    sleep 0.1
  done
}
# Stops the recorder and says what it has; the trace of the last session with a name goes to /out.
ended() {
  kill -TERM $pid
  wait $pid || { cat /tmp/err; exit 1; }
  mv /tmp/t.dmlog /out/$name.dmlog
  echo "E $name $(sed -n 's/.*: \([0-9]*\) events in .* s, \([0-9]*\) lost.* \([0-9]*\) bytes$/\1 \2 \3/p' /tmp/err)"
}
# A stopped recorder costs nothing: what is left is the probes. A running one shares the only processor with the load.
traced() {
  name=$1
  shift
  begun --ring-size 128M "$@"
  kill -STOP $pid
  runs "$name"
  kill -CONT $pid
  sleep 1
  ended
}
recorded() {
  name=$1
  shift
  begun "$@"
  runs "$name"
  sleep 1
  ended
}
