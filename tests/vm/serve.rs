//! `dmlog-top serve` on the running kernel: under load, with a hundred scrapers, slow readers and garbage, its counters are
//! those of an independent counter and nothing is lost; and a real Prometheus reads them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::support::counter::Counter;
use crate::support::mirrors::{LogKind, Mirror};
use crate::support::recorder::program;
use crate::support::{DEADLINE, kernel_complaints, run, wait_for};

/// Scrapers at a time.
const SCRAPERS: usize = 100;

/// Pause of each of them: together they ask a hundred times a second, which an emulated guest can do beside the load.
const SCRAPE_EVERY: Duration = Duration::from_secs(1);

/// Where the real Prometheus listens.
const PROMETHEUS: &str = "127.0.0.1:9190";

/// A server that runs.
struct Served {
    child: Child,
    address: String,
    said: BufReader<std::process::ChildStderr>,
}

impl Served {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("dmlog-top does not start: {error}"));
        let stderr = child.stderr.take().unwrap_or_else(|| panic!("stderr of dmlog-top is piped"));
        let mut said = BufReader::new(stderr);
        let mut line = String::new();
        while !line.contains("serving http://") {
            line.clear();
            let read = said.read_line(&mut line).unwrap_or_else(|error| panic!("stderr: {error}"));
            assert!(read > 0, "dmlog-top ended before it served");
        }
        let rest = line.split("http://").nth(1).unwrap_or_default();
        let address = rest.split('/').next().unwrap_or_default().to_owned();
        Self { child, address, said }
    }

    /// Status and body of a page.
    fn get(&self, path: &str) -> (u16, String) {
        get(&self.address, path)
    }

    /// The sum of all samples with this name whose labels have these in them.
    fn sum(&self, name: &str, labels: &str) -> u64 {
        let (status, body) = self.get("/metrics");
        assert_eq!(status, 200, "{body}");
        let lines = body.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']) && rest.contains(labels))
        });
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// Ends it by a signal: exit code, and what it said last.
    fn end(mut self) -> (Option<i32>, String) {
        run("kill", &["-TERM", &self.child.id().to_string()]);
        let mut said = String::new();
        self.said.read_to_string(&mut said).unwrap_or_else(|error| panic!("stderr: {error}"));
        let status = self.child.wait().unwrap_or_else(|error| panic!("dmlog-top: {error}"));
        (status.code(), said)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // One that a failed test left behind; one that has ended is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(address: &str, path: &str) -> (u16, String) {
    let asked = TcpStream::connect(address).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    });
    let answer = asked.unwrap_or_else(|error| panic!("`{path}` of {address}: {error}"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no status in `{head}`")), body.to_owned())
}

/// Writes anywhere, at a rate that leaves an emulated guest time for scrapers.
fn write_for_a_while(mirror: &Mirror) {
    let fio = std::env::var("DMLOG_FIO").unwrap_or_else(|_| "/usr/bin/fio".to_owned());
    let file = format!("--filename={}", mirror.path().display());
    let job = "--name=served --rw=randwrite --bs=4k --direct=1 --ioengine=libaio --iodepth=4 --thread --time_based --runtime=15 \
               --rate_iops=200 --randseed=7 --norandommap";
    let mut arguments: Vec<&str> = job.split_ascii_whitespace().collect();
    arguments.push(&file);
    run(&fio, &arguments);
}

/// Everybody who comes while `work` goes on. Returns how many scrapes there were.
fn besieged(served: &Served, work: impl FnOnce()) -> u64 {
    let (is_over, scrapes) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..SCRAPERS {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let (status, body) = served.get("/metrics");
                    assert!(status == 200 && body.contains("dmlog_events_total"), "{status}: {body}");
                    scrapes.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(SCRAPE_EVERY);
                }
            });
        }
        for garbage in ["\0\u{1}\u{2}\n\n", "GET\r\n\r\n", "POST /metrics HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nX: "] {
            let is_over = &is_over;
            scope.spawn(move || {
                let large = "x".repeat(1 << 20);
                while !is_over.load(Ordering::Relaxed) {
                    // Refused in one way or another; some read nothing, some say nothing more.
                    let stream = TcpStream::connect(&served.address).and_then(|mut stream| {
                        stream.write_all(garbage.as_bytes())?;
                        stream.write_all(large.as_bytes())?;
                        Ok(stream)
                    });
                    std::thread::sleep(SCRAPE_EVERY);
                    drop(stream);
                }
            });
        }
        work();
        is_over.store(true, Ordering::Relaxed);
    });
    scrapes.into_inner()
}

#[test]
fn a_hundred_scrapers_and_garbage_lose_no_event() {
    let mirror = Mirror::create("served", LogKind::Disk, 0);
    mirror.wait_in_sync();
    let served = Served::start(&[]);
    let counter = Counter::start();
    counter.wait_rest();
    let labels = format!("device=\"{}\",number=\"{}\"", mirror.name(), mirror.device());
    let numbers = || {
        let ops = ["mark_region", "clear_region", "map", "end_io"]
            .map(|op| served.sum("dmlog_operations_total", &format!("{labels},op=\"{op}\"")));
        let flushes = ["dirtied", "cleaned_only", "no_op"]
            .map(|kind| served.sum("dmlog_flushes_total", &format!("{labels},kind=\"{kind}\"")));
        [&ops[..], &flushes].concat()
    };
    let before = numbers();
    let scrapes = besieged(&served, || write_for_a_while(&mirror));
    counter.wait_rest();
    let counts = counter.stop();
    let counted = [&["mark", "clear", "map", "endio"].map(|name| counts.of(name))[..], &counts.flushes].concat();
    let expected: Vec<u64> = before.iter().zip(counted).map(|(before, counted)| before + counted).collect();
    let mut seen = numbers();
    // Numbers are a second old at most, where the machine is not busy.
    for _ in 0..DEADLINE.as_secs() {
        if seen.iter().zip(&expected).all(|(seen, expected)| seen >= expected) {
            break;
        }
        std::thread::sleep(Duration::from_secs(1));
        seen = numbers();
    }
    assert_eq!(seen, expected, "marks, clears, bios, their ends, flushes dirtied, cleaned-only, no-op");
    let bios = seen[2] - before[2];
    assert!(scrapes > SCRAPERS as u64 && bios > 500, "{scrapes} scrapes, {bios} bios");
    for lost in [
        "dmlog_lost_events_total",
        "dmlog_loss_gaps_total",
        "dmlog_undecoded_records_total",
        "dmlog_ring_lost_records_total",
    ] {
        assert_eq!(served.sum(lost, ""), 0, "{lost}");
    }
    let (status, health) = served.get("/healthz");
    assert!(status == 200 && health.contains("\"status\":\"ok\""), "{status}: {health}");
    println!("serve: {scrapes} scrapes, {bios} bios, 0 lost");
    let (code, said) = served.end();
    assert_eq!((code, said.as_str()), (Some(0), ""));
    drop(mirror);
    assert_eq!(kernel_complaints(), Vec::<String>::new());
}

/// A Prometheus of the host, if it is there.
struct Prometheus(Child);

impl Prometheus {
    fn start(address: &str) -> Option<Self> {
        let path = std::env::var_os("DMLOG_PROMETHEUS").map(PathBuf::from).filter(|path| path.exists())?;
        let config = format!(
            "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: dmlog\n    static_configs:\n      - targets: ['{address}']\n"
        );
        std::fs::write("/tmp/prometheus.yml", config).unwrap_or_else(|error| panic!("prometheus.yml: {error}"));
        let mut command = Command::new(path);
        command.args(["--config.file=/tmp/prometheus.yml", "--storage.tsdb.path=/tmp/prometheus"]);
        command.arg(format!("--web.listen-address={PROMETHEUS}"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Some(Self(child.unwrap_or_else(|error| panic!("prometheus does not start: {error}"))))
    }

    /// The whole number that a query has, if it has one.
    fn query(query: &str) -> Option<u64> {
        TcpStream::connect(PROMETHEUS).ok()?;
        let encoded = query.replace('{', "%7B").replace('}', "%7D").replace('"', "%22").replace('=', "%3D");
        let (_, body) = get(PROMETHEUS, &format!("/api/v1/query?query={encoded}"));
        // `…"value":[1790000000.1,"42"]}]}}`
        body.split("\"value\":[").nth(1)?.split('"').nth(1)?.parse().ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_real_prometheus_answers_with_the_same_numbers() {
    let mirror = Mirror::create("scraped", LogKind::Core, 1);
    mirror.wait_in_sync();
    let served = Served::start(&["-d", "scraped"]);
    let Some(prometheus) = Prometheus::start(&served.address) else {
        println!("SKIP a_real_prometheus_answers_with_the_same_numbers: no prometheus in this guest");
        return;
    };
    wait_for("a first scrape", || Prometheus::query("up").filter(|up| *up == 1));
    write_for_a_while(&mirror);
    let marks = wait_for("marks that stand still", || {
        let marks = served.sum("dmlog_marks_total", "device=\"scraped\"");
        std::thread::sleep(Duration::from_secs(3));
        (marks > 0 && served.sum("dmlog_marks_total", "device=\"scraped\"") == marks).then_some(marks)
    });
    for (query, expected) in [
        ("dmlog_marks_total{device=\"scraped\"}", marks),
        ("dmlog_bios_total{kind=\"write\"}", served.sum("dmlog_bios_total", "kind=\"write\"")),
        ("sum(dmlog_bio_duration_seconds_count)", served.sum("dmlog_bio_duration_seconds_count", "")),
        ("sum(dmlog_lost_events_total)", 0),
    ] {
        wait_for(query, || Prometheus::query(query).filter(|answer| *answer == expected));
    }
    drop(prometheus);
    assert_eq!(served.end().0, Some(0));
    let _ = std::fs::remove_dir_all("/tmp/prometheus");
}

#[test]
fn without_privileges_it_says_so() {
    let mut command = Command::new(program());
    command.args(["serve", "--listen", "127.0.0.1:0"]).uid(65_534).gid(65_534);
    let output = command.output().unwrap_or_else(|error| panic!("dmlog-top does not run: {error}"));
    assert_eq!(output.status.code(), Some(4));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("CAP_SYS_ADMIN") && said.contains("run with sudo"), "{said}");
}
