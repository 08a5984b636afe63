//! Python modules that read our files without our code: a trace that only we can read proves little.
//!
//! They live in a virtual environment in the cache. Tests find its interpreter in `DMLOG_PYTHON`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::paths::cache_dir;
use crate::process;
use crate::setup::store::{remove_dir, write_whole};

/// Modules with their exact versions.
const REQUIREMENTS: &str = include_str!("requirements.txt");
/// Debian's own interpreter has the package `python3-venv`; another one in `PATH` may not know it.
const SYSTEM_PYTHON: &str = "/usr/bin/python3";
/// Written last: an environment without it is not complete, one with another text is out of date.
const STAMP: &str = "installed.txt";

/// The environment.
fn environment() -> PathBuf {
    cache_dir().join("venv")
}

/// The interpreter that can import the modules.
pub(crate) fn python() -> PathBuf {
    environment().join("bin/python")
}

/// The modules, for a message.
pub(crate) fn modules() -> String {
    REQUIREMENTS.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// True when the environment is complete and of these versions.
pub(crate) fn are_installed() -> bool {
    python().exists() && fs::read_to_string(environment().join(STAMP)).is_ok_and(|text| text == REQUIREMENTS)
}

/// True when the interpreter can make an environment with pip in it.
pub(crate) fn can_make_environments() -> bool {
    process::output(Command::new(system_python()).args(["-c", "import venv, ensurepip"])).is_ok()
}

/// Makes the environment anew.
pub(crate) fn install() -> Result<()> {
    let target = environment();
    remove_dir(&target)?;
    process::run(Command::new(system_python()).args(["-m", "venv"]).arg(&target))?;
    let mut pip = Command::new(python());
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
    process::run(pip.args(REQUIREMENTS.split_whitespace())).context("the Python modules were not installed")?;
    write_whole(&target.join(STAMP), REQUIREMENTS.as_bytes())
}

fn system_python() -> &'static Path {
    let system = Path::new(SYSTEM_PYTHON);
    if system.is_file() { system } else { Path::new("python3") }
}
