//! The program `dmlog-top`.

use std::process::ExitCode;

fn main() -> ExitCode {
    dmlog_user::cli::main(std::env::args_os())
}
