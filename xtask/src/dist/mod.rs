//! `cargo xtask dist`: the programs with their manual pages, completions and documents, as an archive and as a package of Debian.
//!
//! `contents` says what an installation consists of, `archive` and `deb` pack it, `check` installs both in a clean root.
//! Times in what is packed are that of the commit, or `SOURCE_DATE_EPOCH`, so that packing again gives the same bytes.

mod archive;
pub(crate) mod check;
mod contents;
mod deb;
mod licences;
mod root;

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use crate::dist::contents::Form;
use crate::paths::{repo_root, target_dir};
use crate::process;
use crate::setup::store::{create_dir, remove_dir, sha256, write_whole};
use crate::setup::{self, Scope};
use crate::test::cargo_tests::PACKAGE;

/// The profile of Cargo that is worth the minutes it takes.
const PROFILE: &str = "dist";
/// The program that knows its pages and completions, and the name of everything that is packed.
const PRODUCT: &str = "dmlog-top";
/// The time of what is packed, in seconds since 1970, by the convention of <https://reproducible-builds.org>.
const EPOCH_VARIABLE: &str = "SOURCE_DATE_EPOCH";

/// Builds what is given to users: an archive and a package of Debian
#[derive(Debug, Args)]
pub(crate) struct DistArgs {
    /// Folder for both [default: dist/out in Cargo's target folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Also installs both in a clean root, uses them there, and removes them (root)
    #[arg(long)]
    check: bool,
}

/// What was packed.
#[derive(Debug)]
pub(crate) struct Packed {
    /// `dmlog-top-VERSION-ARCHITECTURE-linux.tar.gz`.
    pub(crate) archive: PathBuf,
    /// `dmlog-top_VERSION-1_ARCHITECTURE.deb`.
    pub(crate) package: PathBuf,
    /// The programs by name.
    pub(crate) programs: Vec<String>,
}

/// Runs the command.
pub(crate) fn run_command(args: &DistArgs) -> Result<ExitCode> {
    setup::ensure(&Scope::dist())?;
    let out = args.out.clone().unwrap_or_else(default_out);
    let build = Build::make()?;
    let packed = build.pack(&out)?;
    let files = [&packed.archive, &packed.package];
    let mut sums = String::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        sums.push_str(&format!("{}  {name}\n", sha256(file)?));
        let size = fs::metadata(file).with_context(|| format!("`{}`", file.display()))?.len();
        println!("{} ({size} bytes)", file.display());
    }
    write_whole(&out.join("SHA256SUMS"), sums.as_bytes())?;
    if !args.check {
        return Ok(ExitCode::SUCCESS);
    }
    let tally = check::check(&build, &packed)?;
    print!("{}", tally.details());
    println!("{tally}");
    Ok(if tally.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where both go if nobody says otherwise.
fn default_out() -> PathBuf {
    target_dir().join(PROFILE).join("out")
}

/// The programs, built, and what has to be known to pack them.
#[derive(Debug)]
pub(crate) struct Build {
    version: String,
    programs: Vec<String>,
    /// Seconds since 1970.
    epoch_s: u64,
}

impl Build {
    /// Builds all programs of the main package, with everything that is on by default.
    fn make() -> Result<Self> {
        let root = repo_root();
        let mut build = process::cargo(&root);
        process::run(build.args(["build", "--locked", "--profile", PROFILE, "--package", PACKAGE, "--bins"]))?;
        let text = process::output(process::cargo(&root).args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: Value = serde_json::from_str(&text).context("`cargo metadata` printed no JSON")?;
        let (version, programs) = programs(&metadata)?;
        Ok(Self { version, programs, epoch_s: epoch_s(&root)? })
    }

    /// Where Cargo has put the programs.
    fn folder() -> PathBuf {
        target_dir().join(PROFILE)
    }

    /// Lays everything out and packs it into the folder.
    fn pack(&self, out: &Path) -> Result<Packed> {
        create_dir(out)?;
        let product = Self::folder().join(PRODUCT);
        let installed = Self::folder().join("installed");
        remove_dir(&installed)?;
        let name = format!("{PRODUCT}-{}-{}-linux", self.version, env::consts::ARCH);
        let tree = installed.join(&name);
        contents::lay_out(Form::Archive, &product, &tree)?;
        let bin = tree.join("bin");
        create_dir(&bin)?;
        for program in &self.programs {
            let to = bin.join(program);
            fs::copy(Self::folder().join(program), &to).with_context(|| format!("`{program}` cannot be copied"))?;
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755))
                .with_context(|| format!("`{}`", to.display()))?;
        }
        let archive = out.join(format!("{name}.tar.gz"));
        archive::pack(&installed, &name, self.epoch_s, &archive)?;
        contents::lay_out(Form::Package, &product, &installed.join("package/usr"))?;
        let package = deb::pack(self.epoch_s, out)?;
        Ok(Packed { archive, package, programs: self.programs.clone() })
    }
}

/// The version of the main package and the names of its programs.
fn programs(metadata: &Value) -> Result<(String, Vec<String>)> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let package = packages.into_iter().find(|package| package["name"] == PACKAGE);
    let package = package.with_context(|| format!("`cargo metadata` lists no package `{PACKAGE}`"))?;
    let version = package["version"].as_str().context("a package without a version")?.to_owned();
    let targets = package["targets"].as_array().into_iter().flatten();
    let programs = targets.filter(|target| target["kind"][0] == "bin").filter_map(|target| target["name"].as_str());
    Ok((version, programs.map(str::to_owned).collect()))
}

/// The time that everything in the archive has.
fn epoch_s(root: &Path) -> Result<u64> {
    let text = match env::var(EPOCH_VARIABLE) {
        Ok(text) => text,
        Err(_not_set) => {
            let mut git = std::process::Command::new("git");
            git.current_dir(root).args(["log", "-1", "--format=%ct"]);
            process::output(&mut git).with_context(|| {
                format!("this is no checkout of git; set {EPOCH_VARIABLE} to the seconds since 1970")
            })?
        }
    };
    text.trim().parse().with_context(|| format!("`{}` is no number of seconds ({EPOCH_VARIABLE})", text.trim()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::programs;

    #[test]
    fn all_programs_of_the_main_package_are_packed_and_no_tests() {
        let metadata = json!({"packages": [
            {"name": "xtask", "version": "9", "targets": [{"name": "xtask", "kind": ["bin"]}]},
            {"name": "dmlog-user", "version": "0.1.0", "targets": [
                {"name": "dmlog_user", "kind": ["lib"]},
                {"name": "dmlog-top", "kind": ["bin"]},
                {"name": "dmlogd", "kind": ["bin"]},
                {"name": "vm", "kind": ["test"]},
            ]},
        ]});
        assert_eq!(
            programs(&metadata).unwrap(),
            ("0.1.0".to_owned(), vec!["dmlog-top".to_owned(), "dmlogd".to_owned()])
        );
        assert!(programs(&json!({})).unwrap_err().to_string().contains("`dmlog-user`"));
    }
}
