//! What the manual pages say beyond the arguments: a table with a row for each command.

use crate::cli::exit::Exit;

/// The program, which is what its own page is called too.
pub(super) const PROGRAM: &str = "dmlog-top";

/// What is known of one command.
#[derive(Debug)]
pub(super) struct Page {
    /// Its name; the program's own for what happens without one.
    pub(super) command: &'static str,
    /// What has to be known beside the options.
    pub(super) notes: Option<&'static str>,
    /// Who may run it.
    pub(super) privileges: &'static str,
    /// How it can end.
    pub(super) exits: &'static [Exit],
    /// Files that it reads or writes beside those that its arguments name.
    pub(super) files: &'static [(&'static str, &'static str)],
    /// Variables that it looks at.
    pub(super) environment: &'static [(&'static str, &'static str)],
    /// Command lines, and what they do.
    pub(super) examples: &'static [(&'static str, &'static str)],
    /// Commands that belong with it.
    pub(super) see: &'static [&'static str],
}

/// The row of a command.
pub(super) fn page(command: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.command == command)
}

const ATTACHING: &str = "Attaching needs CAP_SYS_ADMIN, CAP_BPF and CAP_PERFMON, in practice root. Once everything is \
    attached, nothing of that stays in effect.";
const NONE: &str = "None.";

const READING: &[Exit] = &[Exit::Done, Exit::Usage, Exit::Io];
const CAPTURING: &[Exit] = &[Exit::Done, Exit::Usage, Exit::CaptureFailed, Exit::Io];
const ALL: &[Exit] = &[Exit::Done, Exit::Failed, Exit::Usage, Exit::Inconclusive, Exit::CaptureFailed, Exit::Io];

const SETTINGS: (&str, &str) =
    ("~/.config/dmlog/config.toml", "Settings of the screen. `--print-config` prints one with everything in it.");
const SCREEN_ENVIRONMENT: &[(&str, &str)] = &[
    ("NO_COLOR", "Turns colours off if it is set and not empty."),
    ("XDG_CONFIG_HOME", "Where the folder dmlog with the settings is, in place of ~/.config."),
    ("LC_ALL, LC_CTYPE, LANG", "The first of them that is set decides whether the screen uses more than ASCII."),
];
const REPLAY_ENVIRONMENT: &[(&str, &str)] = &[
    SCREEN_ENVIRONMENT[0],
    SCREEN_ENVIRONMENT[1],
    SCREEN_ENVIRONMENT[2],
    ("TMPDIR", "Where the temporary file is, in place of /var/tmp."),
];

const PAGES: &[Page] = &[
    Page {
        command: PROGRAM,
        notes: Some(
            "Without a command, the screen on the running kernel. A trace is an Arrow IPC stream, which other programs read too; \
             commands that take one need neither privileges nor the kernel it was recorded on.",
        ),
        privileges: "Commands that work on a trace need none. For the running kernel, CAP_SYS_ADMIN, CAP_BPF and CAP_PERFMON are \
             needed, in practice root, and given up once everything is attached.",
        exits: ALL,
        files: &[SETTINGS],
        environment: SCREEN_ENVIRONMENT,
        examples: &[
            ("dmlog-top", "Shows the running kernel's mirrors on the screen; ? lists the keys."),
            ("dmlog-top --plain -n 3 --interval 10s", "Prints the same facts as lines, three times."),
            ("dmlog-top record -o slow.dmlog --duration 30s", "Records all mirrors for half a minute."),
            ("dmlog-top report slow.dmlog", "Says what happened in that time."),
        ],
        see: &[],
    },
    Page {
        command: "live",
        notes: None,
        privileges: ATTACHING,
        exits: CAPTURING,
        files: &[SETTINGS],
        environment: SCREEN_ENVIRONMENT,
        examples: &[
            ("dmlog-top live", "Shows all mirrors of the running kernel."),
            ("dmlog-top live -d vg/lv --record slow.dmlog", "Shows one mirror, and records it from the start."),
        ],
        see: &["record", "replay", "host"],
    },
    Page {
        command: "record",
        notes: None,
        privileges: ATTACHING,
        exits: CAPTURING,
        files: &[],
        environment: &[],
        examples: &[
            ("dmlog-top record -o slow.dmlog --duration 30s", "Records all mirrors for half a minute."),
            ("dmlog-top record -o slow.dmlog -d vg/lv", "Records one mirror until Ctrl-C."),
            ("dmlog-top record -o slow.dmlog --no-io", "Leaves out single reads and writes, for a smaller trace."),
            (
                "dmlog-top record -o past.dmlog --flight 60s",
                "Keeps the last minute, and writes it on SIGUSR1 and at the end.",
            ),
        ],
        see: &["report", "replay", "print", "verify"],
    },
    Page {
        command: "serve",
        notes: Some(
            "Answers /metrics (OpenMetrics 1.0, or text 0.0.4, by what the reader accepts), /healthz and /. There is no password and \
             no TLS: whoever can reach the address can read.",
        ),
        privileges: ATTACHING,
        exits: CAPTURING,
        files: &[],
        environment: &[],
        examples: &[
            ("dmlog-top serve", "Serves all mirrors to this machine, at 127.0.0.1:9188."),
            (
                "dmlog-top serve -d vg/lv --listen 0.0.0.0:9188",
                "Serves one mirror to everybody who can reach the machine.",
            ),
        ],
        see: &["record", "export", "host"],
    },
    Page {
        command: "replay",
        notes: None,
        privileges: NONE,
        exits: READING,
        files: &[
            SETTINGS,
            ("/var/tmp", "Holds a temporary file without a name while a long trace is shown, up to some gigabytes."),
        ],
        environment: REPLAY_ENVIRONMENT,
        examples: &[
            ("dmlog-top replay slow.dmlog", "Shows the trace on the screen; ? lists the keys."),
            (
                "dmlog-top replay slow.dmlog --plain -n 3",
                "Prints the same facts as lines, for its first three seconds.",
            ),
            ("dmlog-top replay --print-config", "Prints a settings file with everything in it."),
        ],
        see: &["record", "report", "whatif"],
    },
    Page {
        command: "print",
        notes: None,
        privileges: NONE,
        exits: READING,
        files: &[],
        environment: &[],
        examples: &[
            ("dmlog-top print slow.dmlog --op mark_region --region 0-9", "Prints the marks of the first ten regions."),
            ("dmlog-top print slow.dmlog --since 1.5s --until 2s", "Prints half a second."),
        ],
        see: &["export", "report"],
    },
    Page {
        command: "export",
        notes: Some("The output has its name only when it is whole; what had it before is there until then."),
        privileges: NONE,
        exits: READING,
        files: &[],
        environment: &[],
        examples: &[
            ("dmlog-top export slow.dmlog --to csv -o slow.csv", "Writes a row for each event."),
            ("dmlog-top export slow.dmlog --to jsonl -o -", "Prints an object for each event."),
            ("dmlog-top export slow.dmlog --to perfetto -o slow.pftrace", "Writes a trace for ui.perfetto.dev."),
            ("dmlog-top export slow.dmlog --to svg -o slow.svg", "Draws heat maps of flushes, writes and marks."),
            ("dmlog-top export slow.dmlog --to hgrm -o slow", "Writes a percentile distribution for each operation."),
        ],
        see: &["schema", "print", "report"],
    },
    Page {
        command: "schema",
        notes: None,
        privileges: NONE,
        exits: READING,
        files: &[],
        environment: &[],
        examples: &[
            ("dmlog-top schema", "Prints the schema of JSON lines."),
            ("dmlog-top schema --of gate", "Prints the schema of a verdict of the gate."),
        ],
        see: &["export"],
    },
    Page {
        command: "report",
        notes: None,
        privileges: NONE,
        exits: READING,
        files: &[],
        environment: &[],
        examples: &[
            ("dmlog-top report slow.dmlog", "A page for people."),
            ("dmlog-top report slow.dmlog -d vg/lv --format json", "The facts of one mirror for programs."),
            ("dmlog-top report slow.dmlog --format html", "A page with charts, for a browser."),
        ],
        see: &["record", "replay", "export", "whatif"],
    },
    Page {
        command: "gate",
        notes: Some(
            "A regression needs two things: a difference that is significant over all rules together, and a shift beyond both floors \
             of its rule. Sides that cannot be compared, because events were lost or kernels, log types, region sizes or probes \
             differ, are inconclusive, each with its reason and the name that allows it. Without --rules the built-in rules hold, \
             which --print-rules prints as a file with everything in it.",
        ),
        privileges: NONE,
        exits: &[Exit::Done, Exit::Failed, Exit::Usage, Exit::Inconclusive, Exit::Io],
        files: &[],
        environment: &[(
            "GITHUB_STEP_SUMMARY",
            "With --format github, the file that the summary of the step is added to.",
        )],
        examples: &[
            ("dmlog-top gate --baseline before/ --candidate after/", "Judges two folders of traces."),
            (
                "dmlog-top gate --candidate main/ --save baseline.json",
                "Keeps the runs of a folder as a baseline for later.",
            ),
            (
                "dmlog-top gate --baseline baseline.json --candidate pr/ --format github --write junit=gate.xml",
                "What a workflow runs.",
            ),
            (
                "dmlog-top gate --self-check main/*.dmlog",
                "Says how often the gate would be wrong about these runs, and what it would see.",
            ),
        ],
        see: &["record", "report", "whatif"],
    },
    Page {
        command: "verify",
        notes: None,
        privileges: NONE,
        exits: &[Exit::Done, Exit::Failed, Exit::Usage, Exit::Io],
        files: &[],
        environment: &[],
        examples: &[(
            "dmlog-top verify slow.dmlog",
            "Says whether the trace is whole, and whether kernel and model agree.",
        )],
        see: &["record", "print"],
    },
    Page {
        command: "inspect",
        notes: None,
        privileges: "Whatever reading the device or the image takes: for a device, in practice root.",
        exits: READING,
        files: &[],
        environment: &[],
        examples: &[(
            "dmlog-top inspect /dev/vg/lv_mlog --region-size 2M",
            "Shows the dirty regions of a log device, in bytes as well.",
        )],
        see: &["report"],
    },
    Page {
        command: "whatif",
        notes: None,
        privileges: NONE,
        exits: READING,
        files: &[],
        environment: &[],
        examples: &[
            ("dmlog-top whatif slow.dmlog", "The recorded region size beside smaller and larger ones."),
            ("dmlog-top whatif slow.dmlog --region-size 256K,1M,4M --log disk", "Only these."),
        ],
        see: &["report", "replay"],
    },
    Page {
        command: "host",
        notes: Some("Attaches nothing and changes nothing."),
        privileges: "None for what everybody may read; root for the rest.",
        exits: READING,
        files: &[],
        environment: &[],
        examples: &[("dmlog-top host --format json", "The facts and the plan for programs.")],
        see: &["record", "live"],
    },
    Page {
        command: "completions",
        notes: Some("A package of the distribution has them in place already."),
        privileges: NONE,
        exits: READING,
        files: &[],
        environment: &[],
        examples: &[("dmlog-top completions bash", "Prints those of bash, to be read by source.")],
        see: &["man"],
    },
    Page {
        command: "man",
        notes: Some("A package of the distribution has them in place already."),
        privileges: NONE,
        exits: READING,
        files: &[],
        environment: &[],
        examples: &[("dmlog-top man man1", "Writes the pages of all commands into the folder man1.")],
        see: &["completions"],
    },
];
