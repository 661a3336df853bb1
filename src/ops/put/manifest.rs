//! The manifests that a user named, as objects with the place they stand at.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::PutError;
use crate::kube::yaml::read_manifest;
use crate::source::Watch;

/// The longest manifest that is read, in bytes. A server takes no object above 3 MiB.
const LONGEST: u64 = 256 << 20;
/// Lists in lists.
const MOST_LISTS: u32 = 16;

/// An object of a manifest.
#[derive(Clone, Debug)]
pub struct Item {
    /// File and line, for messages.
    pub place: String,
    /// The object, as kubectl would send it.
    pub object: Value,
}

/// All objects of all manifests, in order.
#[derive(Debug, Default)]
pub struct Manifests {
    /// The objects.
    pub items: Vec<Item>,
    /// The files they were read from.
    pub files: Watch,
}

impl Manifests {
    /// Reads manifests as kubectl does: several documents of YAML 1.1, or of JSON, and lists of objects; `-` is standard
    /// input.
    ///
    /// # Errors
    /// [`PutError::Read`], [`PutError::Yaml`].
    pub fn read(paths: &[PathBuf]) -> Result<Self, PutError> {
        let mut manifests = Self::default();
        for path in paths {
            let is_stdin = path == Path::new("-");
            let name = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
            let read = if is_stdin {
                text(std::io::stdin().lock())
            } else {
                manifests.files.add(path);
                std::fs::File::open(path).and_then(text)
            };
            let text = read.map_err(|source| PutError::Read { name: name.clone(), source })?;
            let documents = read_manifest(&text).map_err(|source| PutError::Yaml { name: name.clone(), source })?;
            for document in documents {
                manifests.add(format!("{name}:{}", document.line), document.value);
            }
        }
        Ok(manifests)
    }

    /// The files that paths mean, as `kubectl -f` takes them: of a directory those in it that end in .yaml, .yml or .json, by
    /// their names.
    ///
    /// # Errors
    /// [`PutError::Read`].
    pub fn files_in(paths: &[PathBuf]) -> Result<Vec<PathBuf>, PutError> {
        let mut files = Vec::new();
        for path in paths {
            if path == Path::new("-") || !path.is_dir() {
                files.push(path.clone());
                continue;
            }
            let failed = |source| PutError::Read { name: path.display().to_string(), source };
            let mut found = Vec::new();
            for entry in std::fs::read_dir(path).map_err(failed)? {
                let file = entry.map_err(failed)?.path();
                let extension = file.extension().and_then(|extension| extension.to_str());
                if matches!(extension, Some("yaml" | "yml" | "json")) && file.is_file() {
                    found.push(file);
                }
            }
            found.sort();
            files.extend(found);
        }
        Ok(files)
    }

    /// An object, or what is in a list of objects: as in kubectl, whatever has `items` is one (apimachinery
    /// pkg/apis/meta/v1/unstructured, IsList).
    fn add(&mut self, place: String, value: Value) {
        let mut open = vec![(place, value, 0)];
        while let Some((place, mut object, depth)) = open.pop() {
            let items = match object.get_mut("items") {
                Some(Value::Array(items)) if depth < MOST_LISTS => std::mem::take(items),
                _ => {
                    self.items.push(Item { place, object });
                    continue;
                }
            };
            // A list of one kind may leave the kind out of its items.
            let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
            let kind = text("kind").strip_suffix("List").unwrap_or_default().to_owned();
            let api_version = text("apiVersion").to_owned();
            for (at, mut item) in items.into_iter().enumerate().rev() {
                if let Some(members) = item.as_object_mut().filter(|_| !kind.is_empty()) {
                    members.entry("kind").or_insert_with(|| kind.clone().into());
                    members.entry("apiVersion").or_insert_with(|| api_version.clone().into());
                }
                open.push((format!("{place} items[{at}]"), item, depth + 1));
            }
        }
    }
}

fn text(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(std::io::Error::other("longer than 256 MiB, which is no manifest"));
    }
    Ok(bytes)
}
