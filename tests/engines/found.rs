//! Which engines there are, where `engines/build` puts them, and what happens when one is not there.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::etcd::EtcdEngine;
use super::kine::KineEngine;
use super::process::{Ran, run};

/// The etcd versions under test: the newest of each minor release that k3s ships or will ship.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EtcdVersion {
    V3_5,
    V3_6,
    V3_7,
}

impl EtcdVersion {
    pub const ALL: [Self; 3] = [Self::V3_5, Self::V3_6, Self::V3_7];
}

/// The kine versions under test: one of before its rewrite of 2025, and the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KineVersion {
    V0_11,
    /// 0.11.4 with its two compaction constants changed, because they are no flags there: it compacts every
    /// second, up to the revision that was current a second before. Nothing else differs.
    V0_11Eager,
    V0_16,
}

impl KineVersion {
    pub const ALL: [Self; 3] = [Self::V0_11, Self::V0_11Eager, Self::V0_16];
}

/// One directory of `engines/bin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Etcd(EtcdVersion),
    Kine(KineVersion),
    Bbolt,
}

impl Engine {
    pub const ALL: [Self; 7] = [
        Self::Etcd(EtcdVersion::V3_5),
        Self::Etcd(EtcdVersion::V3_6),
        Self::Etcd(EtcdVersion::V3_7),
        Self::Kine(KineVersion::V0_11),
        Self::Kine(KineVersion::V0_11Eager),
        Self::Kine(KineVersion::V0_16),
        Self::Bbolt,
    ];

    fn binaries(self) -> &'static [&'static str] {
        match self {
            Self::Etcd(_) => &["etcd", "etcdctl", "etcdutl"],
            Self::Kine(_) => &["kine"],
            Self::Bbolt => &["bbolt"],
        }
    }

    fn path(self, binary: &str) -> PathBuf {
        let engines = Path::new(env!("CARGO_MANIFEST_DIR")).join("engines/bin");
        engines.join(self.to_string()).join(binary)
    }

    /// Whether `engines/build` has built it.
    pub fn is_built(self) -> bool {
        self.binaries().iter().all(|binary| self.path(binary).is_file())
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Etcd(EtcdVersion::V3_5) => "etcd-3.5.35",
            Self::Etcd(EtcdVersion::V3_6) => "etcd-3.6.16",
            Self::Etcd(EtcdVersion::V3_7) => "etcd-3.7.3",
            Self::Kine(KineVersion::V0_11) => "kine-0.11.4",
            Self::Kine(KineVersion::V0_11Eager) => "kine-0.11.4-eager",
            Self::Kine(KineVersion::V0_16) => "kine-0.16.4",
            Self::Bbolt => "bbolt-1.5.0",
        })
    }
}

/// The engines that are not built.
pub fn missing() -> Vec<Engine> {
    Engine::ALL.into_iter().filter(|engine| !engine.is_built()).collect()
}

/// Says something on the terminal although the test harness captures what tests print.
pub fn tell(text: &str) {
    // The capture sits in `eprintln!`, not in the stream.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Whether the absence of an engine is a failure: KINESCOPE_REQUIRE_ENGINES=1.
fn are_required() -> bool {
    std::env::var_os("KINESCOPE_REQUIRE_ENGINES").is_some_and(|value| value == "1")
}

fn have(engines: &[Engine]) -> bool {
    let missing: Vec<_> = engines.iter().filter(|engine| !engine.is_built()).collect();
    for engine in &missing {
        assert!(!are_required(), "{engine} is required and not built: run engines/build");
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        tell(&format!("{test}: SKIPPED, {engine} is not built: run engines/build"));
    }
    missing.is_empty()
}

/// The etcd of that version, or `None` after saying so on the terminal.
pub fn etcd(version: EtcdVersion) -> Option<EtcdEngine> {
    let engine = Engine::Etcd(version);
    have(&[engine]).then(|| EtcdEngine {
        version,
        etcd: engine.path("etcd"),
        etcdctl: engine.path("etcdctl"),
        etcdutl: engine.path("etcdutl"),
    })
}

/// The kine of that version, or `None` after saying so on the terminal. It is spoken to with etcdctl 3.6.
pub fn kine(version: KineVersion) -> Option<KineEngine> {
    let (engine, client) = (Engine::Kine(version), Engine::Etcd(EtcdVersion::V3_6));
    have(&[engine, client]).then(|| KineEngine { version, kine: engine.path("kine"), etcdctl: client.path("etcdctl") })
}

/// bbolt's own command, or `None` after saying so on the terminal.
pub fn bbolt() -> Option<Bbolt> {
    have(&[Engine::Bbolt]).then(|| Bbolt { path: Engine::Bbolt.path("bbolt") })
}

/// bbolt's own command.
#[derive(Clone, Debug)]
pub struct Bbolt {
    path: PathBuf,
}

impl Bbolt {
    /// `bbolt ARGS`, whatever comes of it.
    pub fn run<A: AsRef<std::ffi::OsStr>>(&self, args: &[A]) -> Ran {
        run(&self.path, args, b"")
    }

    /// `bbolt check FILE`: what bbolt says when it finds the file wrong.
    pub fn check(&self, file: &Path) -> Result<(), String> {
        let ran = self.run(&["check".as_ref(), file.as_os_str()]);
        if ran.success { Ok(()) } else { Err(format!("{}{}", ran.stdout_text(), ran.stderr)) }
    }
}
