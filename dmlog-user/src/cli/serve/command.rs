//! The command itself: binds, attaches, and joins capture, teller and HTTP.

use std::io::{Write as _, stderr};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;

use super::http::{Limits, Server};
use super::shelf::Shelf;
use super::teller::{Feed, Teller};
use crate::capture::Capture;
use crate::cli::exit::{Exit, Failure};
use crate::cli::record::{CaptureArgs, parse_duration};
use crate::event::facts::{CaptureFacts, HookCoverage, Probe};
use crate::event::ids::MonoNs;
use crate::event::item::Item;
use crate::export::openmetrics::{REGIONS_MAX, Serving};
use crate::record::tap::{Tap, Tapped, tap};

/// Arguments of `dmlog-top serve`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address and port; loopback, unless another address is given: then everybody who can reach it can read it
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9188")]
    listen: SocketAddr,
    /// Only this mirror: dm name, vg/lv, path or MAJ:MIN (may be given more than once)
    #[arg(short, long = "device", value_name = "DEV")]
    devices: Vec<String>,
    /// Also tell the N most marked, written and re-marked regions of each mirror, 1 to 100
    #[arg(long, value_name = "N", value_parser = parse_regions, default_value_t = 0, hide_default_value = true)]
    top_regions: usize,
    /// How old numbers may be: they are made at most once in this time, however many ask
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1s")]
    interval: Duration,
    #[command(flatten)]
    capture: CaptureArgs,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with the exit code and a sentence: 4 if the capture cannot start, 5 for an address that cannot be listened on.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    // The address first: nothing is attached for one that is taken.
    let listener = TcpListener::bind(args.listen).map_err(|error| {
        let why = anyhow!(
            "`{}` cannot be listened on ({error}); choose another address or port with `--listen`, or end what has it",
            args.listen
        );
        Failure::new(Exit::Io, why)
    })?;
    let capture = Capture::start(&args.capture.options(&args.devices))
        .map_err(|error| Failure::new(Exit::CaptureFailed, error))?;
    let Tapped { result, losses } = tap(capture, |tap| serve(tap, listener, args))
        .map_err(|error| Failure::new(Exit::CaptureFailed, anyhow!("the capture cannot run: {error}")))?;
    if losses.ring > 0 {
        say(&format!("{} events were lost; a larger `--ring-size` helps", losses.ring));
    }
    result
}

/// Tells what the capture sees until a signal comes.
fn serve(tap: Tap, listener: TcpListener, args: &Args) -> Result<Exit, Failure> {
    let facts = tap.facts().clone();
    let mut teller = Teller::new(facts.clone(), args.top_regions);
    let mut feed = tap;
    let shelf = Arc::new(Shelf::new(teller.pages(&feed, Serving::default()), args.interval));
    let server = Server::start(listener, Arc::clone(&shelf), Limits::default())
        .map_err(|error| Failure::new(Exit::Io, anyhow!("`{}` cannot be served: {error}", args.listen)))?;
    say(&greeting(&facts, server.address()));
    teller.run(&mut feed, &shelf);
    drop(server);
    Ok(Exit::Done)
}

fn greeting(facts: &CaptureFacts, address: SocketAddr) -> String {
    let count = |probe: Probe| facts.coverage.iter().filter(|hook| hook.probe == probe).count();
    let who = if address.ip().is_loopback() { "" } else { ", for everybody who can reach it" };
    format!(
        "serving http://{address}/metrics{who}: {} hooks by fentry, {} by kprobe; Ctrl-C ends",
        count(Probe::Fentry),
        count(Probe::Kprobe)
    )
}

/// One line on stderr; if that is gone, nobody is there to be told.
fn say(line: &str) {
    let _ = writeln!(stderr(), "dmlog-top: {line}");
}

fn parse_regions(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(regions) if regions <= REGIONS_MAX => Ok(regions),
        Ok(_) | Err(_) => Err(format!("expected a number from 1 to {REGIONS_MAX}")),
    }
}

impl Feed for Tap {
    fn take(&mut self, out: &mut Vec<Item>) {
        Self::take(self, out);
    }

    fn coverage(&self) -> Vec<HookCoverage> {
        self.standing().coverage
    }

    fn ring_lost(&self) -> u64 {
        self.standing().ring_lost
    }

    fn now(&self) -> MonoNs {
        Self::now(self)
    }

    fn is_over(&self) -> bool {
        Self::is_over(self)
    }
}
