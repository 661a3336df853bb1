//! The `kinescope` command.

fn main() {}
