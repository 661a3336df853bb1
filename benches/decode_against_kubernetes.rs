//! Stored objects to JSON and YAML, managedFields included, against Kubernetes' own Go code doing the same: client-go's
//! decoder, then its serializers (JSON by encoding/json, YAML by sigs.k8s.io/yaml); and the same through a codec of the
//! object's version, as auger does it. One thread each, in turn, processor time; that of Go with its garbage collection.
//!
//! `cargo bench --bench decode_against_kubernetes`, after `engines/build kubernetes-0.35.2`
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::panic)]

mod measure;

use std::collections::BTreeMap;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use kinescope::kube::decode::{Decoder, Options};
use kinescope::kube::envelope::{Envelope, Unknown};
use kinescope::kube::json::CompactJson;
use kinescope::kube::minor::Minor;
use kinescope::kube::yaml::YamlSink;
use kinescope::ops::store;
use kinescope::source::Choice;
use measure::{engine, ratios, tell};
use serde_json::Value;

/// The release of both: of the store, and of the Go code.
const MINOR: Minor = Minor::new(35);
const PAIRS: usize = 9;
/// Each of a pair takes about this long.
const SLICE: Duration = Duration::from_millis(200);
const KINDS: [&str; 6] = ["Pod", "Deployment", "Event", "Lease", "Secret", "ConfigMap"];

fn main() {
    let objects = stored();
    let total: usize = objects.iter().map(|(_, object)| object.len()).sum();
    println!("Go's time by ours: minimum / median / maximum of {PAIRS} pairs; and objects per second of ours, of Go's");
    println!("{} objects, {} bytes in the mean, of etcd-3.6/middle.snapshot", objects.len(), total / objects.len());
    let mix: Vec<Vec<u8>> = objects.iter().map(|(_, object)| object.clone()).collect();
    compare("all of them", &mix);
    let mut by_kind: BTreeMap<&str, Vec<Vec<u8>>> = BTreeMap::new();
    for (kind, object) in &objects {
        by_kind.entry(kind).or_default().push(object.clone());
    }
    for kind in KINDS {
        let of_kind = by_kind.get(kind).unwrap_or_else(|| panic!("the store has no {kind}"));
        compare(&format!("{kind} ({} of {} bytes)", of_kind.len(), of_kind.concat().len() / of_kind.len()), of_kind);
    }
}

/// All objects in protobuf that a real store has, replaced ones too, with their kinds.
fn stored() -> Vec<(String, Vec<u8>)> {
    let dir = tempfile::tempdir().unwrap();
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/etcd-3.6.tar.zst");
    tar::Archive::new(zstd::Decoder::new(File::open(archive).unwrap()).unwrap()).unpack(dir.path()).unwrap();
    let opened = store::open(&dir.path().join("etcd-3.6/middle.snapshot"), &Choice::default()).unwrap();
    let history = opened.store.history();
    let puts = history.changes().iter().filter(|change| change.is_put());
    let objects = puts.filter_map(|change| {
        let value = history.value(change.value).unwrap().into_owned();
        let Ok(Envelope::Protobuf(object)) = Envelope::parse(&value) else { return None };
        Some((object.kind.to_owned(), value))
    });
    objects.collect()
}

fn compare(name: &str, objects: &[Vec<u8>]) {
    let mut go = Go::with(objects);
    let mut ours = Ours { objects, decoder: Decoder::for_many(), text: Vec::new() };
    for form in ["json", "yaml"] {
        // Both print the same.
        for (ours, go) in ours.printed(form).iter().zip(go.printed(form, objects.len())) {
            assert!(is_same(form, ours, &go), "{}", String::from_utf8_lossy(ours));
        }
        for asked in [form.to_owned(), format!("codec-{form}")] {
            measure_one(name, form, &asked, &mut ours, &mut go);
        }
    }
}

fn measure_one(name: &str, form: &str, asked: &str, ours: &mut Ours<'_>, go: &mut Go) {
    let (mut our_rounds, mut go_rounds) = (1, 1);
    while ours.take(form, our_rounds) < SLICE {
        our_rounds *= 2;
    }
    while go.take(asked, go_rounds) < SLICE {
        go_rounds *= 2;
    }
    let (mut best_of_ours, mut best_of_go) = (Duration::MAX, Duration::MAX);
    let ratios = ratios(
        PAIRS,
        || {
            let each = go.take(asked, go_rounds) / go_rounds;
            best_of_go = best_of_go.min(each);
            each
        },
        || {
            let each = ours.take(form, our_rounds) / our_rounds;
            best_of_ours = best_of_ours.min(each);
            each
        },
    );
    let per_second = |each: Duration| ours.objects.len() as f64 / each.as_secs_f64() / 1000.0;
    tell(&format!("{name}: {asked}"), &ratios);
    println!("{:<64} {:.1} k/s, {:.2} k/s", "", per_second(best_of_ours), per_second(best_of_go));
}

/// Go's JSON has its members in the order of the Go types. Its YAML is the same but for U+0085, which it loses.
fn is_same(form: &str, ours: &[u8], go: &[u8]) -> bool {
    let parsed = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap();
    if form == "json" { parsed(ours) == parsed(go) } else { ours == go || memchr::memmem::find(ours, br"\N").is_some() }
}

struct Ours<'a> {
    objects: &'a [Vec<u8>],
    decoder: Decoder,
    text: Vec<u8>,
}

impl Ours<'_> {
    fn show(&mut self, form: &str, at: usize) {
        let object = opened(&self.objects[at]);
        let options = Options::as_stored(MINOR);
        self.text.clear();
        if form == "json" {
            let _ = self.decoder.decode(&object, &options, &mut CompactJson::new(&mut self.text)).unwrap();
        } else {
            let mut sink = YamlSink::new(&mut self.text);
            let _ = self.decoder.decode(&object, &options, &mut sink).unwrap();
            sink.finish();
        }
    }

    fn printed(&mut self, form: &str) -> Vec<Vec<u8>> {
        self.decoder = Decoder::for_many();
        (0..self.objects.len())
            .map(|at| {
                self.show(form, at);
                self.text.clone()
            })
            .collect()
    }

    fn take(&mut self, form: &str, rounds: u32) -> Duration {
        let before = processor_time();
        for _ in 0..rounds {
            // Each round is a store that was never seen before.
            self.decoder = Decoder::for_many();
            for at in 0..self.objects.len() {
                self.show(form, at);
                black_box(&self.text);
            }
        }
        processor_time() - before
    }
}

fn opened(stored: &[u8]) -> Unknown<'_> {
    let Envelope::Protobuf(object) = Envelope::parse(black_box(stored)).unwrap() else { panic!("no protobuf") };
    object
}

/// The processor time of this thread.
fn processor_time() -> Duration {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(times.split(' ').next().unwrap().parse().unwrap())
}

/// The program of `engines/kubernetes-0.35.2` with some objects.
struct Go {
    process: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Go {
    fn with(objects: &[Vec<u8>]) -> Self {
        let mut program: Command = engine("kubernetes-0.35.2/decode");
        let mut process = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = process.stdin.take().unwrap();
        stdin.write_all(&(objects.len() as u32).to_be_bytes()).unwrap();
        for object in objects {
            stdin.write_all(&(object.len() as u32).to_be_bytes()).unwrap();
            stdin.write_all(object).unwrap();
        }
        let stdout = BufReader::new(process.stdout.take().unwrap());
        Self { process, stdin: Some(stdin), stdout }
    }

    fn ask(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
        stdin.flush().unwrap();
    }

    fn printed(&mut self, form: &str, count: usize) -> Vec<Vec<u8>> {
        self.ask(&format!("print {form}"));
        let text = |_| {
            let mut len = [0; 4];
            self.stdout.read_exact(&mut len).unwrap();
            let mut text = vec![0; u32::from_be_bytes(len) as usize];
            self.stdout.read_exact(&mut text).unwrap();
            text
        };
        (0..count).map(text).collect()
    }

    fn take(&mut self, form: &str, rounds: u32) -> Duration {
        self.ask(&format!("{form} {rounds}"));
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        Duration::from_nanos(line.split(' ').next().unwrap().parse().unwrap())
    }
}

impl Drop for Go {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.process.wait();
    }
}
