//! Prints the path of the protoc that `protoc-bin-vendored` holds for this machine.

fn main() -> Result<(), protoc_bin_vendored::Error> {
    let protoc = protoc_bin_vendored::protoc_bin_path()?;
    println!("{}", protoc.display());
    Ok(())
}
