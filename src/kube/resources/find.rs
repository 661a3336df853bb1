//! From what people type to a resource, as kubectl understands it.

use super::{Registry, Resource, builtin, qualified};

/// Why a name does not lead to one resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// No resource has this name.
    #[error("there is no resource type {name:?} in this store{}", hint(suggestions))]
    Unknown {
        /// What was typed.
        name: String,
        /// Resources with similar names.
        suggestions: Vec<String>,
    },
    /// Several resources have this name.
    #[error("{name:?} can mean {}: give one of these", candidates.join(" or "))]
    Ambiguous {
        /// What was typed.
        name: String,
        /// The full names of them all.
        candidates: Vec<String>,
    },
    /// The objects are there, but under another group.
    #[error(
        "{asked} are kept as {stored}: the server translates between the two, the store holds only the latter; ask for {stored}"
    )]
    KeptElsewhere {
        /// What was typed, as a full name.
        asked: String,
        /// The full name to ask for.
        stored: String,
    },
    /// A server makes these up when asked.
    #[error("{name} are never stored: a server makes them up when it is asked")]
    NeverStored {
        /// The plural.
        name: String,
    },
}

fn hint(suggestions: &[String]) -> String {
    match suggestions {
        [] => "; `kinescope ls` shows what is there".to_owned(),
        some => format!("; did you mean {}?", some.join(" or ")),
    }
}

/// Which names a person may have meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    PluralOrSingular,
    ShortName,
}

impl Registry {
    /// The resource that a name means: plural, singular, kind or short name, in any case, alone or with its group or with
    /// version and group: `pod`, `po`, `Deployment`, `deploy.apps`, `deployments.v1.apps`. The beginning of a group is
    /// enough where no group is called exactly so. A name that several groups have means the built-in resource, like
    /// kubectl; between custom resources nobody guesses. (apimachinery pkg/api/meta/restmapper.go, client-go
    /// restmapper/shortcut.go, cli-runtime pkg/resource/builder.go.)
    ///
    /// # Errors
    /// [`FindError`] with what to type instead.
    pub fn find(&self, name: &str) -> Result<&Resource, FindError> {
        let (bare, rest) = name.split_once('.').unwrap_or((name, ""));
        let bare = bare.to_lowercase();
        let mut readings: Vec<(Option<&str>, &str)> = Vec::new();
        // `deployments.v1.apps` is version and group; `deployments.v1.` is the core group's.
        if let Some((version, group)) = rest.split_once('.') {
            readings.push((Some(version), group));
        }
        readings.push((None, rest));
        for (version, group) in readings {
            for by in [By::PluralOrSingular, By::ShortName] {
                let found = self.named(&bare, version, group, by);
                match found.as_slice() {
                    [] => {}
                    [only] => return Ok(only),
                    [first, ..] if first.origin == super::Origin::BuiltIn => return Ok(first),
                    several => {
                        let candidates = several.iter().map(|resource| resource.full_name()).collect();
                        return Err(FindError::Ambiguous { name: name.to_owned(), candidates });
                    }
                }
            }
        }
        Err(self.why_not(name, &bare, rest))
    }

    fn named(&self, bare: &str, version: Option<&str>, group: &str, by: By) -> Vec<&Resource> {
        let fits = |resource: &&Resource| {
            let named = match by {
                By::PluralOrSingular => resource.plural == bare || resource.singular == bare,
                By::ShortName => resource.short_names.iter().any(|short| short == bare),
            };
            named && version.is_none_or(|version| resource.versions.iter().any(|own| own.name == version))
        };
        let found: Vec<&Resource> = self.resources().iter().filter(fits).collect();
        let with_group = |exact: bool| -> Vec<&Resource> {
            let wanted = |own: &str| if exact { own == group } else { own.starts_with(group) };
            found.iter().copied().filter(|resource| wanted(&resource.group)).collect()
        };
        match (version, group) {
            (None, "") => found,
            (Some(_), "") => with_group(true),
            _ => match with_group(true) {
                exact if !exact.is_empty() => exact,
                _ => with_group(false),
            },
        }
    }

    fn why_not(&self, name: &str, bare: &str, group: &str) -> FindError {
        let group = group.strip_prefix("v1beta1.").or_else(|| group.strip_prefix("v1.")).unwrap_or(group);
        for (from, plural, to) in builtin::COHABITING {
            let one = self.resources().iter().find(|resource| resource.plural == plural && resource.group == to);
            let named = one.is_some_and(|one| {
                one.plural == bare || one.singular == bare || one.short_names.iter().any(|short| short == bare)
            });
            if named && from == group {
                return FindError::KeptElsewhere { asked: qualified(plural, from), stored: qualified(plural, to) };
            }
        }
        for (plural, singular, short) in builtin::NEVER_STORED {
            if [plural, singular, short].contains(&bare) && !bare.is_empty() {
                return FindError::NeverStored { name: plural.to_owned() };
            }
        }
        FindError::Unknown { name: name.to_owned(), suggestions: self.similar(bare) }
    }

    /// Up to three resources that are called nearly so.
    fn similar(&self, bare: &str) -> Vec<String> {
        let mut near: Vec<(usize, String)> = self
            .resources()
            .iter()
            .filter_map(|resource| {
                let distance = edits(bare, &resource.plural).min(edits(bare, &resource.singular));
                let begins = bare.len() >= 3 && resource.plural.starts_with(bare);
                (distance <= 2 || begins).then(|| (distance, resource.full_name()))
            })
            .collect();
        near.sort();
        near.truncate(3);
        near.into_iter().map(|(_, name)| name).collect()
    }
}

/// How many letters must be added, dropped or changed to make one word of the other; at least 3 for words that differ in
/// length by more than 2.
fn edits(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    if left.len().abs_diff(right.len()) > 2 {
        return 3;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, from) in (1..).zip(&left) {
        let mut diagonal = above - 1;
        let mut before = above;
        let mut next = Vec::with_capacity(row.len());
        next.push(above);
        for (to, over) in right.iter().zip(row.iter().skip(1)) {
            let changed = diagonal + usize::from(from != to);
            before = changed.min(before + 1).min(over + 1);
            next.push(before);
            diagonal = *over;
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::edits;

    #[test]
    fn edits_are_counted() {
        for (left, right, expected) in [
            ("pods", "pods", 0),
            ("pds", "pods", 1),
            ("deployemnt", "deployment", 2),
            ("a", "abcd", 3),
            ("kitten", "sittin", 2),
        ] {
            assert_eq!(edits(left, right), expected, "{left} {right}");
        }
    }
}
