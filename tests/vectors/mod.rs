//! What the genuine Go code made of objects: `testdata/kubernetes/`.
#![allow(dead_code, reason = "each test program uses its part")]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::Value;

/// One of the lists of objects that kubectl's own printers printed.
#[derive(Clone, Copy, Debug)]
pub enum Vectors {
    OmitRules,
    YamlStrings,
}

/// An object as kubectl prints it.
pub struct Printed {
    pub name: String,
    pub json: String,
    pub yaml: String,
}

impl Vectors {
    pub fn printed(self) -> Vec<Printed> {
        let file = match self {
            Self::OmitRules => "omit-rules-v1.35.jsonl.gz",
            Self::YamlStrings => "yaml-strings-v1.35.jsonl.gz",
        };
        let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
        let printed: Vec<_> = lines(file)
            .map(|line| Printed {
                name: text(&line, "name"),
                json: text(&line, "kubectl_json"),
                yaml: text(&line, "kubectl_yaml"),
            })
            .collect();
        assert!(printed.len() > 1000, "{file} holds only {} lines", printed.len());
        printed
    }
}

/// The lines of a packed file of `testdata/kubernetes/`.
pub fn lines(file: &str) -> impl Iterator<Item = Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/kubernetes").join(file);
    let unpacked = flate2::read::MultiGzDecoder::new(File::open(path).unwrap());
    BufReader::new(unpacked).lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap())
}

/// The first line in which two texts differ.
pub fn first_difference(ours: &str, theirs: &str) -> String {
    let (mut ours, mut theirs) = (ours.split('\n'), theirs.split('\n'));
    for number in 1.. {
        match (ours.next(), theirs.next()) {
            (None, None) => break,
            (a, b) if a == b => {}
            (a, b) => return format!("line {number}: {a:?} instead of {b:?}"),
        }
    }
    "no difference".to_owned()
}
