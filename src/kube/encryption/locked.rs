//! Why an encrypted value stays closed, and which key would open it.

use super::cipher::Kind;
use super::kms::Version;

/// The longest part of a value that can be a key's name: the apiserver has no limit, people have.
const LONGEST_NAME: usize = 512;

/// The name of a key as a stored value has it. Where no configured name fits, nobody can be sure where it ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName {
    /// The name.
    pub text: String,
    /// Whether it was guessed from the bytes: names may hold colons, and the payload may look like a name.
    pub guessed: bool,
}

impl std::fmt::Display for KeyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let guess = if self.guessed { " (as far as can be told)" } else { "" };
        write!(f, "{:?}{guess}", self.text)
    }
}

/// Why an encrypted value stays closed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum LockedReason {
    /// There is no key of that name.
    #[error("encrypted by {provider} with key {name}, which is not at hand: {}", hint(provider))]
    NoKey {
        /// `aescbc`, `aesgcm`, `secretbox`, `kms v1` or `kms v2`.
        provider: &'static str,
        /// The key that would be needed; for KMS the provider's name.
        name: KeyName,
    },
    /// The keys of that name do not open it.
    #[error(
        "encrypted by {provider} with key {name}; the key of that name that is at hand does not open it: another key had \
         this name then, or the value was changed, or moved from another path"
    )]
    WrongKey {
        /// As above.
        provider: &'static str,
        /// The name that was configured.
        name: KeyName,
    },
    /// No provider that Kubernetes has.
    #[error("encrypted by a provider that is not known here: it begins with {prefix:?}")]
    UnknownProvider {
        /// Its first characters.
        prefix: String,
    },
}

fn hint(provider: &str) -> &'static str {
    if provider.starts_with("kms") {
        "give what the KMS unwraps with --kms-seed PROVIDER=HEX"
    } else {
        "give --encryption-config or --token"
    }
}

impl LockedReason {
    /// The provider, where it is known.
    pub fn provider(&self) -> Option<&'static str> {
        match self {
            Self::NoKey { provider, .. } | Self::WrongKey { provider, .. } => Some(provider),
            Self::UnknownProvider { .. } => None,
        }
    }

    /// The key that would be needed.
    pub fn key_name(&self) -> Option<&KeyName> {
        match self {
            Self::NoKey { name, .. } | Self::WrongKey { name, .. } => Some(name),
            Self::UnknownProvider { .. } => None,
        }
    }
}

/// An encrypted value, taken apart as far as is certain: the provider, and all behind its prefix.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parsed<'v> {
    Keyed(Kind, &'v [u8]),
    Kms(Version, &'v [u8]),
    Unknown(&'v [u8]),
}

impl<'v> Parsed<'v> {
    /// `None` for what is not encrypted.
    pub fn of(stored: &'v [u8]) -> Option<Self> {
        if !super::is_encrypted(stored) {
            return None;
        }
        let keyed = Kind::ALL
            .into_iter()
            .find_map(|kind| Some(Self::Keyed(kind, stored.strip_prefix(kind.prefix().as_bytes())?)));
        let kms = [Version::V1, Version::V2]
            .into_iter()
            .find_map(|version| Some(Self::Kms(version, stored.strip_prefix(version.prefix().as_bytes())?)));
        Some(keyed.or(kms).unwrap_or(Self::Unknown(stored)))
    }

    fn provider(&self) -> Option<&'static str> {
        match self {
            Self::Keyed(kind, _) => Some(kind.name()),
            Self::Kms(version, _) => Some(version.name()),
            Self::Unknown(_) => None,
        }
    }

    pub fn no_key(&self) -> LockedReason {
        match (self.provider(), self) {
            (Some(provider), Self::Keyed(..) | Self::Kms(..)) => LockedReason::NoKey { provider, name: self.guess() },
            _ => self.unknown(),
        }
    }

    pub fn wrong_key(&self, name: String) -> LockedReason {
        match self.provider() {
            Some(provider) => LockedReason::WrongKey { provider, name: KeyName { text: name, guessed: false } },
            None => self.unknown(),
        }
    }

    fn unknown(&self) -> LockedReason {
        let (Self::Unknown(bytes) | Self::Keyed(_, bytes) | Self::Kms(_, bytes)) = self;
        let shown: Vec<u8> = bytes.iter().copied().take(40).take_while(|byte| byte.is_ascii_graphic()).collect();
        LockedReason::UnknownProvider { prefix: String::from_utf8_lossy(&shown).into_owned() }
    }

    fn guess(&self) -> KeyName {
        let text = match self {
            Self::Keyed(kind, rest) => guess(*kind, rest),
            // Only names of KMS v1 may hold colons.
            Self::Kms(_, rest) => plausible_ends(rest).next().map(|end| name(rest, end)),
            Self::Unknown(_) => None,
        };
        KeyName { text: text.unwrap_or_default(), guessed: true }
    }
}

fn name(rest: &[u8], end: usize) -> String {
    String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned()
}

/// Where a name may end: at the colons behind printable characters.
fn plausible_ends(rest: &[u8]) -> impl Iterator<Item = usize> {
    let printable = rest.iter().take(LONGEST_NAME).take_while(|byte| byte.is_ascii_graphic() || **byte == b' ');
    printable.enumerate().filter(|&(at, &byte)| byte == b':' && at > 0).map(|(at, _)| at)
}

/// The first end that leaves a payload of a possible length, but behind a time of day where there is one: k3s names rotated
/// keys by the moment, with its colons (k3s pkg/secretsencrypt/config.go).
fn guess(kind: Kind, rest: &[u8]) -> Option<String> {
    let fits = |end: &usize| kind.may_be_long(rest.len() - end - 1);
    let ends: Vec<usize> = plausible_ends(rest).collect();
    let of_moment = ends.iter().find(|&&end| ends_with_moment(&name(rest, end)));
    let end = of_moment.or_else(|| ends.iter().find(|end| fits(end))).or(ends.first())?;
    Some(name(rest, *end))
}

/// Whether a name ends with a moment as RFC 3339 has it, in UTC or with an offset.
fn ends_with_moment(name: &str) -> bool {
    ["2026-07-01T10:11:12Z", "2026-07-01T10:11:12+02:00"].into_iter().any(|like| {
        let moment = name.len().checked_sub(like.len()).and_then(|at| name.get(at..));
        moment.is_some_and(|moment| moment.parse::<jiff::Timestamp>().is_ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(kind: Kind, name: &str, payload: usize) -> String {
        let stored = [kind.prefix().as_bytes(), name.as_bytes(), b":", &vec![b'a'; payload]].concat();
        let Some(LockedReason::NoKey { name, .. }) = crate::kube::encryption::named_key(&stored) else { panic!() };
        assert!(name.guessed);
        name.text
    }

    #[test]
    fn names_are_guessed_with_the_colons_of_a_moment() {
        for name in ["aescbckey", "aescbckey-2026-07-01T10:11:12Z", "key-2026-07-01T10:11:12+02:00"] {
            assert_eq!(guessed(Kind::AesCbc, name, 48), name);
            assert_eq!(guessed(Kind::Secretbox, name, 100), name);
        }
        // Only behind the second colon there is a payload of whole blocks.
        assert_eq!(guessed(Kind::AesCbc, "a:b", 48), "a:b");
        assert_eq!(guessed(Kind::AesCbc, "no-such", 3), "no-such");
    }
}
