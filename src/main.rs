//! The `kinescope` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(kinescope::cli::main())
}
