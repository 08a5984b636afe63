//! `serve` over real sockets of the loopback device, fed by a list and not by a kernel: formats, limits, and that nobody who
//! reads holds up what is counted.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dmlog_user::cli::serve::http::{HEAD_BYTES_MAX, Limits, Server};
use dmlog_user::cli::serve::shelf::{Pages, Shelf};
use dmlog_user::cli::serve::teller::{Feed, Teller};
use dmlog_user::event::facts::{HookCoverage, Probe};
use dmlog_user::event::ids::{IoId, LogId, MonoNs, Region, Sector};
use dmlog_user::event::item::{Gap, Item, LossCause};
use dmlog_user::event::op::{Event, Io, LogImpl, LogOp, MirrorOp, Op};
use dmlog_user::export::openmetrics::Serving;

use crate::program::items;
use crate::workload::facts;

/// What scrapers are patient for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Items that somebody puts in from outside.
#[derive(Clone)]
struct Fed {
    items: Arc<Mutex<Vec<Item>>>,
    is_over: Arc<AtomicBool>,
    /// Pages that were made: it is asked for coverage once for each.
    pages: Arc<AtomicU64>,
    probe: Probe,
    now: MonoNs,
}

impl Fed {
    fn new(items: Vec<Item>, probe: Probe) -> Self {
        let items = Arc::new(Mutex::new(items));
        Self { items, is_over: Arc::default(), pages: Arc::default(), probe, now: MonoNs(0) }
    }
}

impl Feed for Fed {
    fn take(&mut self, out: &mut Vec<Item>) {
        out.append(&mut self.items.lock().unwrap());
    }

    fn coverage(&self) -> Vec<HookCoverage> {
        self.pages.fetch_add(1, Ordering::Relaxed);
        let hook = |function: &str| HookCoverage {
            module: "dm_log".to_owned(),
            function: function.to_owned(),
            probe: self.probe,
            reason: String::new(),
            loss: String::new(),
        };
        vec![hook("core_mark_region"), hook("core_clear_region")]
    }

    fn ring_lost(&self) -> u64 {
        0
    }

    fn now(&self) -> MonoNs {
        self.now
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

/// A server with its teller; both end with it.
struct Stage {
    server: Option<Server>,
    fed: Fed,
    teller: Option<std::thread::JoinHandle<()>>,
    shelf: Arc<Shelf>,
}

impl Stage {
    fn new(fed: Fed, interval: Duration, limits: Limits) -> Self {
        let mut teller = Teller::new(facts(), 5);
        let shelf = Arc::new(Shelf::new(teller.pages(&fed, Serving::default()), interval));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server::start(listener, Arc::clone(&shelf), limits).unwrap();
        let (mut feed, shelf_of_teller) = (fed.clone(), Arc::clone(&shelf));
        let teller = std::thread::spawn(move || teller.run(&mut feed, &shelf_of_teller));
        Self { server: Some(server), fed, teller: Some(teller), shelf }
    }

    fn address(&self) -> SocketAddr {
        self.server.as_ref().unwrap().address()
    }

    fn get(&self, path: &str, headers: &str) -> Answer {
        answer(self.address(), &format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n"))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.fed.is_over.store(true, Ordering::Relaxed);
        drop(self.server.take());
        let ended = self.teller.take().unwrap().join();
        assert!(std::thread::panicking() || ended.is_ok());
    }
}

#[derive(Clone, Debug, Default)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

/// Sends bytes and reads to the end. A connection that is reset has no answer.
fn answer(address: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // What is refused may be closed before it was sent.
    let _ = stream.write_all(request.as_bytes());
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    parsed(&bytes).unwrap_or_default()
}

fn parsed(bytes: &[u8]) -> Option<Answer> {
    let text = std::str::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let (first, headers) = head.split_once("\r\n").unwrap_or((head, ""));
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Some(Answer {
        status: first.split(' ').nth(1)?.parse().ok()?,
        headers: headers.split("\r\n").filter_map(header).collect(),
        body: body.to_owned(),
    })
}

/// The number of a sample without labels.
fn number(body: &str, name: &str) -> u64 {
    let line = body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {body}")).parse().unwrap()
}

fn marks(count: u64) -> Vec<Item> {
    let mark = |time: u64| {
        let op = Op::Log(LogImpl::Core, LogOp::MarkRegion { region: Region(time % 64) });
        Item::Event(Event { time: MonoNs(9_000_000_000 + time), cpu: 0, tid: 1, log: LogId(1), duration: None, op })
    };
    (0..count).map(mark).collect()
}

#[test]
fn everybody_gets_the_format_that_they_ask_for() {
    let events = items().iter().filter(|item| matches!(item, Item::Event(_))).count() as u64;
    let stage = Stage::new(Fed::new(items(), Probe::Fentry), Duration::ZERO, Limits::default());
    let open = stage.get("/metrics", "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n");
    assert_eq!(open.status, 200, "{open:?}");
    assert_eq!(open.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!(open.headers["content-length"], open.body.len().to_string());
    assert!(open.body.ends_with("\n# EOF\n") && open.body.contains("# TYPE dmlog_build info\n"), "{}", open.body);
    assert_eq!(number(&open.body, "dmlog_events_total"), events);

    let plain = stage.get("/metrics", "");
    assert_eq!(plain.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(!plain.body.contains("# EOF") && plain.body.contains("# TYPE dmlog_build_info gauge\n"), "{}", plain.body);
    assert_eq!(plain.body.matches("dmlog_http_requests_total{code=\"200\"} 1\n").count(), 1, "{}", plain.body);
    // A sample of a server has no time of its own.
    assert!(plain.body.lines().filter(|line| !line.starts_with('#')).all(|line| line.rsplit(' ').count() >= 2));

    // A name that wants to be a label, and a screen.
    for body in [&open.body, &plain.body] {
        assert!(body.contains(r#"device="odd \\u{1b}[2J\"name""#), "{body}");
        assert!(!body.chars().any(|c| c.is_control() && c != '\n'));
    }

    let health = stage.get("/healthz", "");
    assert_eq!((health.status, health.headers["content-type"].as_str()), (200, "application/json"));
    let said: serde_json::Value = serde_json::from_str(&health.body).unwrap();
    assert_eq!((&said["status"], &said["lost"], &said["hooks"]["fentry"]), (&"losses".into(), &20.into(), &2.into()));

    let home = stage.get("/", "");
    assert!(home.status == 200 && home.body.contains("href=\"/metrics\""), "{home:?}");
    assert_eq!(stage.get("/metric", "").status, 404);
    let posted = answer(stage.address(), "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!((posted.status, posted.headers["allow"].as_str()), (405, "GET, HEAD"));
    let head = answer(stage.address(), "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(head.status == 200 && head.body.is_empty() && head.headers["content-length"] != "0", "{head:?}");
}

#[test]
fn what_observes_nothing_is_not_healthy() {
    let stage = Stage::new(Fed::new(Vec::new(), Probe::Absent), Duration::ZERO, Limits::default());
    let health = stage.get("/healthz", "");
    assert_eq!(health.status, 503);
    assert!(health.body.contains("\"no probes\""), "{}", health.body);
    assert_eq!(stage.get("/metrics", "").status, 200);
}

/// What a slow, a broken and a hostile client do at once, while events come: nothing of it is seen in what is counted.
#[test]
fn a_hundred_scrapers_slow_readers_and_garbage_lose_no_event() {
    const SCRAPERS: usize = 100;
    const BATCHES: u64 = 400;
    const BATCH: u64 = 1_000;
    const INTERVAL: Duration = Duration::from_millis(100);
    let stage = Stage::new(Fed::new(Vec::new(), Probe::Kprobe), INTERVAL, Limits::default());
    let address = stage.address();
    let began = Instant::now();
    let is_fed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let batch = marks(BATCH);
            for _ in 0..BATCHES {
                stage.fed.items.lock().unwrap().extend(batch.iter().cloned());
                std::thread::yield_now();
            }
            is_fed.store(true, Ordering::Relaxed);
        });
        for place in 0..SCRAPERS {
            let (stage, is_fed) = (&stage, &is_fed);
            scope.spawn(move || {
                let mut last = 0;
                let mut rounds = 0;
                while rounds < 3 || !is_fed.load(Ordering::Relaxed) {
                    let accept = if place % 2 == 0 { "Accept: application/openmetrics-text\r\n" } else { "" };
                    let got = stage.get("/metrics", accept);
                    assert_eq!(got.status, 200);
                    let events = number(&got.body, "dmlog_events_total");
                    assert!(events >= last, "{events} after {last}");
                    last = events;
                    rounds += 1;
                }
            });
        }
        for _ in 0..20 {
            // Slow readers, and such as say nothing at all.
            scope.spawn(|| {
                let mut slow = TcpStream::connect(address).unwrap();
                slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
                let silent = TcpStream::connect(address).unwrap();
                let mut byte = [0];
                while !is_fed.load(Ordering::Relaxed) {
                    let _ = slow.read(&mut byte);
                    std::thread::sleep(Duration::from_millis(20));
                }
                drop((slow, silent));
            });
        }
        for garbage in ["\0\u{1}\u{2}\n\n", "GET\r\n\r\n", "NONSENSE / HTTP/9.9\r\n\r\n", "\r\n\r\n\r\nx y z w\r\n\r\n"]
        {
            scope.spawn(move || {
                for _ in 0..50 {
                    let got = answer(address, garbage);
                    assert!([0, 400].contains(&got.status), "{garbage:?}: {got:?}");
                }
            });
        }
    });
    // Everything that was fed is there, and pages were made once an interval at most.
    let elapsed = began.elapsed();
    std::thread::sleep(INTERVAL * 2);
    let body = stage.get("/metrics", "").body;
    assert_eq!(number(&body, "dmlog_events_total"), BATCHES * BATCH);
    assert!(body.contains("dmlog_lost_events_total{cause=\"queue_full\"} 0\n"));
    let pages = stage.fed.pages.load(Ordering::Relaxed);
    let most = u64::try_from(elapsed.as_millis() / INTERVAL.as_millis()).unwrap() + 4;
    assert!(pages <= most, "{pages} pages in {elapsed:?}");
    assert!(body.contains("dmlog_http_requests_total{code=\"400\"}"), "{body}");
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let stage = Stage::new(Fed::new(Vec::new(), Probe::Fentry), Duration::ZERO, Limits::default());
    let fits = "x".repeat(HEAD_BYTES_MAX / 2);
    assert_eq!(stage.get("/metrics", &format!("X: {fits}\r\n")).status, 200);
    for _ in 0..10 {
        let large = stage.get("/metrics", &format!("X: {}\r\n", "x".repeat(HEAD_BYTES_MAX * 64)));
        // The answer may get lost: it is closed with the rest unread.
        assert!([0, 431].contains(&large.status), "{large:?}");
    }
    let many = stage.get("/metrics", &"X: y\r\n".repeat(1_000));
    assert!([0, 400, 431].contains(&many.status), "{many:?}");
    let body = stage.get("/metrics", "").body;
    assert!(body.contains("dmlog_http_requests_total{code=\"431\"} 1"), "{body}");
}

/// A process that ends with the test.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody had a moment ago.
fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The program itself, of Debian's package: it asks for its own format, by its own headers, and answers with our numbers.
#[test]
fn a_real_prometheus_scrapes_it_and_answers_with_the_same_numbers() {
    use std::process::{Command, Stdio};

    let program = std::env::var("DMLOG_PROMETHEUS").unwrap_or_else(|_| "prometheus".to_owned());
    if !Command::new(&program).arg("--version").output().is_ok_and(|output| output.status.success()) {
        println!("SKIP a_real_prometheus_scrapes_it_and_answers_with_the_same_numbers: `{program}` does not run");
        return;
    }
    let stage = Stage::new(Fed::new(items(), Probe::Fentry), Duration::ZERO, Limits::default());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prometheus");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let config = folder.join("prometheus.yml");
    let target = stage.address();
    let jobs = format!("[{{ job_name: dmlog, static_configs: [{{ targets: ['{target}'] }}] }}]");
    std::fs::write(&config, format!("global: {{ scrape_interval: 200ms }}\nscrape_configs: {jobs}\n")).unwrap();
    let at = free_port();
    let mut command = Command::new(&program);
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
    command.arg(format!("--web.listen-address={at}"));
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let _prometheus = Ended(child);

    let query = |query: &str| -> Option<f64> {
        let encoded = query.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02X}"));
        let request = format!("GET /api/v1/query?query={encoded} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        TcpStream::connect(at).ok()?;
        // `…"value":[1790000000.1,"42"]}]}}`
        answer(at, &request).body.split("\"value\":[").nth(1)?.split('"').nth(1)?.parse().ok()
    };
    let end = Instant::now() + PATIENCE;
    while query("up{job=\"dmlog\"}") != Some(1.0) {
        assert!(Instant::now() < end, "it does not scrape");
        std::thread::sleep(Duration::from_millis(100));
    }
    let body = stage.get("/metrics", "").body;
    let sample = |name: &str| -> f64 {
        let line = body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {body}")).parse().unwrap()
    };
    let mirror = "device=\"vg/lv\",number=\"254:3\"";
    for name in [
        "dmlog_events_total".to_owned(),
        format!("dmlog_marks_total{{{mirror}}}"),
        format!("dmlog_flushes_total{{{mirror},kind=\"dirtied\"}}"),
        format!("dmlog_flush_duration_seconds_sum{{{mirror},kind=\"dirtied\"}}"),
        format!("dmlog_flush_duration_seconds_bucket{{{mirror},kind=\"dirtied\",le=\"+Inf\"}}"),
        "dmlog_lost_events_total{cause=\"ring_full\"}".to_owned(),
        // A name with everything in it that has to be escaped.
        "dmlog_marks_total{device=\"odd \\\\u{1b}[2J\\\"name\",number=\"254:9\"}".to_owned(),
    ] {
        assert_eq!(query(&name), Some(sample(&name)), "{name}");
    }
    // Its own version asks for OpenMetrics; what it made of the types shows that it was that.
    let metadata =
        answer(at, "GET /api/v1/metadata?metric=dmlog_build HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(metadata.body.contains("\"type\":\"info\""), "{}", metadata.body);
}

/// Pages as large as no machine has them, so that they do not fit into what the system buffers.
fn large_pages() -> Pages {
    let large = Bytes::from(vec![b'x'; 32 << 20]);
    let small = Bytes::from_static(b"{}");
    let made = Instant::now() + Duration::from_hours(1);
    Pages { openmetrics: large.clone(), prometheus: large, home: small.clone(), health: small, is_healthy: true, made }
}

#[test]
fn connections_are_few_and_short() {
    let shelf = Arc::new(Shelf::new(large_pages(), Duration::from_secs(1)));
    let limits = Limits { connections: 8, connection: Duration::from_secs(4), head: Duration::from_millis(1_500) };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::start(listener, Arc::clone(&shelf), limits).unwrap();
    let get = |path: &str| answer(server.address(), &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));

    // Half of them read nothing, half of them say nothing.
    let connect = |request: &str| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    let began = Instant::now();
    let slow: Vec<TcpStream> = (0..4).map(|_| connect("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")).collect();
    let silent: Vec<TcpStream> = (0..4).map(|place| connect(&"GET /m"[..place])).collect();
    let one_too_many = get("/healthz");
    assert_eq!(one_too_many.status, 503, "{one_too_many:?}");
    assert!(began.elapsed() < limits.head, "at once");

    // They are closed by themselves, the silent ones first; then there is room again.
    for mut stream in silent {
        // With or without a word that the head did not come.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert!((limits.head..limits.connection).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert_eq!(get("/healthz").status, 200);
    while shelf.serving().timed_out < 8 {
        assert!(began.elapsed() < PATIENCE, "{:?}", shelf.serving());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(began.elapsed() >= limits.connection);
    for mut stream in slow {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        assert!(bytes.len() < 32 << 20, "{} bytes", bytes.len());
    }
    assert_eq!((shelf.serving().refused, shelf.serving().timed_out), (1, 8));
    assert_eq!(get("/metrics").body.len(), 32 << 20);

    // It ends at once, though somebody is there.
    let late = connect("");
    let began = Instant::now();
    drop(server);
    assert!(began.elapsed() < Duration::from_secs(3));
    drop(late);
}

#[test]
fn losses_are_counters() {
    let gap = |lost| {
        let (time, cause) = (MonoNs(9_000_000_000), LossCause::QueueFull);
        Item::Gap(Gap { time, cpu: None, lost, cause })
    };
    let stage = Stage::new(Fed::new(vec![gap(Some(7)), gap(None)], Probe::Fentry), Duration::ZERO, Limits::default());
    let body = stage.get("/metrics", "").body;
    assert!(body.contains("dmlog_lost_events_total{cause=\"queue_full\"} 7\n"), "{body}");
    assert!(body.contains("dmlog_loss_gaps_of_unknown_size_total{cause=\"queue_full\"} 1\n"), "{body}");
    assert!(body.contains("dmlog_lost_events_total{cause=\"ring_full\"} 0\n"), "{body}");
    assert_eq!(stage.shelf.serving().refused, 0);
}

/// A write that hangs makes no events, and is what somebody wants to be woken for.
#[test]
fn what_hangs_grows_older_though_nothing_happens() {
    let start_ns = facts().clock.monotonic_ns;
    let at = |seconds: u64| MonoNs(start_ns + seconds * 1_000_000_000);
    let io = Io { io: IoId(7), sector: Sector(8), bytes: 4096, opf: 1, tgid: 9, comm: "fio".to_owned() };
    let op = Op::Mirror(MirrorOp::Map(io));
    let map = Item::Event(Event { time: at(10), cpu: 0, tid: 1, log: LogId(1), duration: None, op });
    let fed = Fed { now: at(70), ..Fed::new(vec![map], Probe::Fentry) };
    let stage = Stage::new(fed, Duration::ZERO, Limits::default());
    let body = stage.get("/metrics", "").body;
    let oldest = "dmlog_oldest_bio_under_way_seconds{device=\"unidentified device of log 1\"} 60.000000000\n";
    assert!(body.contains(oldest), "{body}");
}

/// What the unit grants and hides is what the program needs: it cannot say so in a guest without systemd.
#[test]
fn the_unit_grants_what_attaching_needs_and_hides_nothing_of_it() {
    let unit = include_str!("../../dmlog-user/dist/dmlog-top.service");
    let privileges = include_str!("../../dmlog-user/src/capture/privileges.rs");
    let settings: Vec<(&str, &str)> =
        unit.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('=')).collect();
    let setting = |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let attach = privileges.split("const ATTACH").nth(1).unwrap().split("];").next().unwrap();
    let needed: Vec<String> = attach
        .split("Capability::")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>())
        .filter(|name| name.starts_with("CAP_"))
        .collect();
    assert!(needed.len() >= 4, "{needed:?}");
    let granted: Vec<&str> = setting("CapabilityBoundingSet").unwrap().split(' ').collect();
    for capability in &needed {
        assert!(granted.contains(&capability.as_str()), "{capability} of {granted:?}");
    }
    assert!(setting("ExecStart").unwrap().starts_with("/usr/bin/dmlog-top serve"));
    assert_eq!(setting("DeviceAllow"), Some("/dev/mapper/control rw"));
    // The first hides /proc/kallsyms, the second /dev/mapper, the third takes CAP_SYSLOG away.
    for hides in ["ProtectKernelTunables", "PrivateDevices", "ProtectKernelLogs"] {
        assert_eq!(setting(hides), None);
    }
}

/// Nothing is attached for an address that is taken, so this needs no privileges.
#[cfg(feature = "live")]
#[test]
fn an_address_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = crate::program::run(["serve", "--listen", &address]);
    assert_eq!(run.code, Some(5), "{run:?}");
    assert!(run.stderr.starts_with(&format!("dmlog-top: `{address}` cannot be listened on (")), "{}", run.stderr);
    let run = crate::program::run(["serve", "--listen", "nowhere"]);
    assert_eq!(run.code, Some(2), "{run:?}");
}
