//! The user's own settings of the terminal UI: theme, mouse, keys, columns.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::keys::{KEYS, Keymap};
use crate::kube::yaml::read_manifest;

/// The longest file that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// Settings. What the file does not say is as the program has it.
#[derive(Clone, Debug)]
pub struct Config {
    /// `dark`, `light` or `none`.
    pub theme: String,
    /// Whether the mouse is used; without it the terminal selects text.
    pub mouse: bool,
    /// Actions, by their names, with their own keys.
    pub keys: BTreeMap<String, Vec<String>>,
    /// The columns of kinds, by their full names, in order.
    pub columns: BTreeMap<String, Vec<String>>,
}

/// Why a file is none with settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{}: cannot read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It says something that is no setting.
    #[error("{}: {what}; `kinescope config` prints all settings in the form that is read", path.display())]
    Setting {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

impl Default for Config {
    fn default() -> Self {
        Self { theme: "dark".to_owned(), mouse: true, keys: BTreeMap::new(), columns: BTreeMap::new() }
    }
}

impl Config {
    /// Where the file is looked for: `kinescope/config.yaml` in `XDG_CONFIG_HOME`, or in `.config` of the home directory.
    pub fn path() -> Option<PathBuf> {
        let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
        Some(base?.join("kinescope").join("config.yaml"))
    }

    /// The settings of a file; one that is not there says nothing.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let read = |source| ConfigError::Read { path: path.to_owned(), source };
        let setting = |what: String| ConfigError::Setting { path: path.to_owned(), what };
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(read(error)),
            Ok(metadata) if metadata.len() > LONGEST => return Err(setting(format!("longer than {LONGEST} bytes"))),
            Ok(_) => {}
        }
        let text = std::fs::read(path).map_err(read)?;
        let documents = read_manifest(&text).map_err(|error| setting(error.to_string()))?;
        let mut config = Self::default();
        for document in documents {
            config.take(&document.value).map_err(setting)?;
        }
        Keymap::new(&config.keys).map_err(setting)?;
        Ok(config)
    }

    fn take(&mut self, value: &Value) -> Result<(), String> {
        let settings = value.as_object().ok_or("settings are names with values")?;
        for (name, value) in settings {
            match (name.as_str(), value) {
                ("theme", Value::String(theme)) if ["dark", "light", "none"].contains(&theme.as_str()) => {
                    self.theme.clone_from(theme);
                }
                ("theme", _) => return Err("theme is dark, light or none".to_owned()),
                ("mouse", Value::Bool(mouse)) => self.mouse = *mouse,
                ("mouse", _) => return Err("mouse is true or false".to_owned()),
                ("keys", Value::Object(keys)) => self.keys.extend(lists(name, keys)?),
                ("columns", Value::Object(columns)) => self.columns.extend(lists(name, columns)?),
                ("keys" | "columns", _) => return Err(format!("{name} has names with lists")),
                _ => return Err(format!("there is no setting {name:?}")),
            }
        }
        Ok(())
    }

    /// All settings, as JSON.
    pub fn json(&self) -> Value {
        let keymap = Keymap::new(&self.keys).unwrap_or_default();
        let mut keys = Map::new();
        for binding in KEYS.iter().filter(|binding| !binding.is_of_dialog()) {
            keys.entry(binding.action.name()).or_insert_with(|| json!(keymap.of(binding)));
        }
        json!({"theme": self.theme, "mouse": self.mouse, "keys": keys, "columns": self.columns})
    }

    /// All settings, as YAML in the form that is read.
    pub fn yaml(&self) -> String {
        let mut out = Vec::new();
        let mut sink = crate::kube::yaml::YamlSink::new(&mut out);
        crate::kube::json::push_value(&self.json(), &mut sink);
        sink.finish();
        String::from_utf8_lossy(&out).into_owned()
    }
}

fn lists(name: &str, map: &Map<String, Value>) -> Result<BTreeMap<String, Vec<String>>, String> {
    let wrong = || format!("{name}: each name has a list of texts");
    let list = |(key, value): (&String, &Value)| {
        let texts = value.as_array().ok_or_else(wrong)?.iter();
        let texts: Option<Vec<String>> = texts.map(|text| text.as_str().map(str::to_owned)).collect();
        Ok((key.clone(), texts.ok_or_else(wrong)?))
    };
    map.iter().map(list).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::keys::Place;

    fn read(text: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_printed_is_read_again() {
        let config =
            read("theme: light\nmouse: false\nkeys:\n  export: [E]\ncolumns:\n  pods: [NAME, STATUS]\n").unwrap();
        let again = read(&config.yaml()).unwrap();
        assert_eq!(config.json(), again.json());
        assert_eq!(again.columns["pods"], ["NAME", "STATUS"]);
        assert!(matches!(
            Keymap::new(&again.keys).unwrap().find(Place::Object, "E"),
            crate::tui::keys::Found::Do(crate::tui::keys::Action::Export)
        ));
    }

    #[test]
    fn what_is_no_setting_is_refused_with_its_name() {
        for (text, told) in [
            ("theme: pink", "theme is dark"),
            ("colour: red", "no setting \"colour\""),
            ("keys: {fly: [z]}", "no action \"fly\""),
            ("keys: {export: [h]}", "h means"),
            ("keys: [a]", "keys has names"),
            ("- a", "settings are names"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(told) && error.contains("config.yaml"), "{text}: {error}");
        }
    }
}
