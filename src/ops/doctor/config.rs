//! k3s's configuration: `config.yaml` and the files in `config.yaml.d` (k3s pkg/configfilearg). Flags in the unit and
//! variables of the environment are not seen.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::DoctorError;
use super::layout::{Layout, small_file};
use crate::kube::yaml::read_manifest;

/// Where k3s has it.
const USUAL: &str = "/etc/rancher/k3s/config.yaml";
/// The directory of which that file speaks.
const USUAL_SERVER: &str = "/var/lib/rancher/k3s/server";

/// What the configuration says; empty where there is none.
#[derive(Debug, Default)]
pub struct Config {
    /// The file, if there is one.
    pub path: Option<PathBuf>,
    values: Map<String, Value>,
}

impl Config {
    /// The file that was named, else the usual one if the directory is k3s's own. What is in `config.yaml.d` beside it comes
    /// later and counts more.
    ///
    /// # Errors
    /// [`DoctorError::Config`].
    pub fn read(layout: &Layout, named: Option<&Path>) -> Result<Self, DoctorError> {
        let is_own = || fs::canonicalize(&layout.server).is_ok_and(|server| server == Path::new(USUAL_SERVER));
        let path = match named {
            Some(path) => path.to_owned(),
            None if is_own() && Path::new(USUAL).is_file() => PathBuf::from(USUAL),
            None => return Ok(Self::default()),
        };
        let mut config = Self { path: Some(path.clone()), values: Map::new() };
        config.add(&path)?;
        let mut more = path.clone().into_os_string();
        more.push(".d");
        let entries = fs::read_dir(more).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_yaml = |path: &PathBuf| path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml");
        let mut files: Vec<PathBuf> = entries.filter(is_yaml).collect();
        files.sort();
        for file in files {
            config.add(&file)?;
        }
        Ok(config)
    }

    fn add(&mut self, path: &Path) -> Result<(), DoctorError> {
        let refused = |what: String| DoctorError::Config { path: path.to_owned(), what };
        let text = small_file(path).ok_or_else(|| refused("it cannot be read".to_owned()))?;
        let documents = read_manifest(&text).map_err(|error| refused(error.to_string()))?;
        for document in documents {
            let Value::Object(values) = document.value else { return Err(refused("no map of flags".to_owned())) };
            for (name, value) in values {
                // `name+` adds to a list; of what is asked here nothing is one.
                self.values.insert(name.trim_end_matches('+').to_owned(), value);
            }
        }
        Ok(())
    }

    /// Whether there is one.
    pub fn is_known(&self) -> bool {
        self.path.is_some()
    }

    /// A flag that is on or off.
    pub fn is_on(&self, name: &str) -> bool {
        match self.values.get(name) {
            Some(Value::Bool(on)) => *on,
            Some(Value::String(text)) => text == "true",
            _ => false,
        }
    }

    /// A flag with a value; `None` where it is not there or empty.
    pub fn text(&self, name: &str) -> Option<String> {
        let text = match self.values.get(name)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// Whether `datastore-endpoint` names a database other than the SQLite file in `db/`.
    pub fn has_endpoint(&self) -> bool {
        self.text("datastore-endpoint").is_some_and(|endpoint| !endpoint.starts_with("sqlite"))
    }
}
