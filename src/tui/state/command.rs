//! The command line that prints what the screen shows, and what the palette leads to.

use super::{ListOf, State, View, is_fuzzy};
use crate::tui::shell_word;

impl State {
    /// Options of command lines: which store, and what opens encrypted values.
    pub fn options(&self) -> String {
        let store = self.start.store.as_ref().map_or(String::new(), |store| format!(" --store {store}"));
        format!("{store}{}", self.start.options)
    }

    /// The command line that prints what the screen shows.
    pub fn command(&self) -> String {
        let path = shell_word(&self.start.path);
        let at = self.moment.as_ref().map_or(String::new(), |moment| format!(" --at {}", moment.revision));
        let options = &self.options();
        let reveal = if self.reveal { " --reveal" } else { "" };
        let namespace = self.namespace.as_ref().map_or(String::new(), |name| format!(" -n {}", shell_word(name)));
        let object = |name: &str| match name.split('/').collect::<Vec<_>>().as_slice() {
            [kind, namespace, name] if !kind.is_empty() => {
                format!("{} -n {}", shell_word(&format!("{kind}/{name}")), shell_word(namespace))
            }
            _ => shell_word(name),
        };
        match self.top().map(|screen| &screen.view) {
            None | Some(View::Overview { .. }) => format!("kinescope info {path}{options}"),
            Some(View::Health { .. }) => format!("kinescope verify {path}{options}"),
            Some(View::List { of: ListOf::Kind(kind), wide, .. }) => {
                let wide = if *wide { " -o wide" } else { "" };
                format!("kinescope get {path} {kind}{namespace}{wide}{at}{options}")
            }
            Some(View::List { of: ListOf::Keys(prefix), .. }) => {
                let prefix = shell_word(&crate::render::key(prefix));
                format!("kinescope ls {path} {prefix}{at}")
            }
            Some(View::List { of: ListOf::Leases, .. }) => format!("kinescope ls {path} --json{at}"),
            Some(View::List { of: ListOf::Sizes(..), .. }) => format!("kinescope why {path}{options}"),
            Some(View::List { of: ListOf::Search(pattern), deleted, .. }) => {
                let history = if *deleted { " --history" } else { "" };
                format!("kinescope grep {path} -i {}{history}{namespace}{at}{reveal}{options}", shell_word(pattern))
            }
            Some(View::Compare(differences)) => {
                let all = if differences.noise { " --all" } else { "" };
                let [old, new] = match &differences.found {
                    Some(found) => found.arguments.clone(),
                    None => [shell_word(&differences.other), path],
                };
                format!("kinescope diff {old} {new}{all}{reveal}{options}")
            }
            Some(View::List { of: ListOf::Evidence, .. }) => format!("kinescope recover {path}"),
            Some(View::List { of: ListOf::Stores, .. }) => format!("kinescope doctor {path}"),
            // No command follows owners; what is nearest is to look for the uid.
            Some(View::List { of: ListOf::Relatives { name, revision, owned, .. }, .. }) => match owned {
                true => format!("kinescope grep {path} -F 'uid: UID-OF-IT'{at}{options}"),
                false => format!("kinescope get {path} {} -o yaml --at {revision}{options}", object(name)),
            },
            // Bytes of a page are shown here alone; what is nearest is the value itself.
            Some(View::Page { revision, name, .. }) => {
                format!("kinescope get {path} {} --raw --at {revision} | xxd", object(name))
            }
            Some(View::Object { revision, name, .. }) => {
                format!("kinescope get {path} {} -o yaml --at {revision}{reveal}{options}", object(name))
            }
            Some(View::History { name, .. }) => {
                let key = match name.split_once('/') {
                    Some((kind, _)) if !kind.is_empty() => "KEY".to_owned(),
                    _ => shell_word(name),
                };
                format!("kinescope log {path} {key}")
            }
        }
    }

    /// The completions of the palette: what is typed leads to these.
    pub fn completions(&self, typed: &str) -> Vec<String> {
        const SCREENS: [&str; 13] = [
            "overview", "keys", "leases", "sizes", "search", "diff", "health", "evidence", "stores", "convert",
            "recover", "help", "q",
        ];
        let word = typed.split_whitespace().next().unwrap_or_default().to_lowercase();
        if typed.trim_start().contains(' ') {
            return Vec::new();
        }
        let mut scored: Vec<(u8, usize, String)> = Vec::new();
        let mut add = |full: &str, names: &[&str]| {
            let score = |name: &&str| match () {
                () if *name == word => Some(0),
                () if name.starts_with(&word) => Some(1),
                () if name.contains(&word) => Some(2),
                () if is_fuzzy(&word, name) => Some(3),
                () => None,
            };
            if let Some(score) = names.iter().filter_map(score).min() {
                scored.push((score, scored.len(), full.to_owned()));
            }
        };
        for kind in self.opened().map_or(&[] as &[_], |opened| &opened.kinds) {
            let mut names: Vec<&str> = vec![&kind.full];
            names.extend(kind.aliases.iter().map(String::as_str));
            add(&kind.full, &names);
        }
        SCREENS.iter().for_each(|screen| add(screen, &[screen]));
        scored.sort();
        scored.into_iter().map(|(_, _, name)| name).collect()
    }
}
