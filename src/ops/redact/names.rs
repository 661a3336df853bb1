//! Other names for objects and namespaces, of the same length and shape, wherever they stand.
//!
//! A name is words of letters and digits with marks between them, and each word gets another one: so the pods of a Deployment
//! still begin with its name, and what refers to an object by its name still does.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Mutex;

use aho_corasick::AhoCorasick;

use super::key::Key;
use crate::kube::resources::{Identity, Registry};
use crate::model::{History, KeyId};

/// Names that Kubernetes and k3s give to objects of every cluster. They tell nothing of this one, and much looks for them.
/// Sources: kubernetes pkg/controlplane (namespaces, the Service kubernetes), pkg/serviceaccount and
/// pkg/controller/certificates/rootcacertpublisher, plugin/pkg/auth/authorizer/rbac/bootstrappolicy; k3s pkg/etcd, pkg/cluster.
const EVERYWHERE: [&str; 18] = [
    "admin",
    "cluster-admin",
    "default",
    "edit",
    "extension-apiserver-authentication",
    "extension-apiserver-authentication-reader",
    "k3s",
    "k3s-etcd-snapshots",
    "k3s-serving",
    "kube-apiserver-legacy-service-account-token-tracking",
    "kube-node-lease",
    "kube-public",
    "kube-root-ca.crt",
    "kube-system",
    "kubernetes",
    "system-cluster-critical",
    "system-node-critical",
    "view",
];
/// Kinds whose names are what they are: definitions, versions of APIs, addresses, Kubernetes' own queues.
const NAMED_BY_WHAT_THEY_ARE: [&str; 6] = [
    "apiservices.apiregistration.k8s.io",
    "customresourcedefinitions.apiextensions.k8s.io",
    "flowschemas.flowcontrol.apiserver.k8s.io",
    "ipaddresses.networking.k8s.io",
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
    "servicecidrs.networking.k8s.io",
];
/// Beginnings of names that say what an object is for.
const BEGINNINGS: [&str; 2] = ["sh.helm.release.v1.", "system:"];
/// Ends of names that say what an object is for.
const ENDS: [&str; 1] = [".node-password.k3s"];
/// Fields that hold no names, although the same words may stand there.
const NO_NAMES: [&str; 14] = [
    "apiGroup",
    "apiGroups",
    "apiVersion",
    "fieldPath",
    "fieldsType",
    "finalizers",
    "kind",
    "manager",
    "nonResourceURLs",
    "operation",
    "resources",
    "type",
    "uid",
    "verbs",
];
/// Names that are looked for in the result wherever they stand; shorter ones only as words, since any noise has them.
const SEARCHED: usize = 6;
/// How often another word is tried for one that is short.
const TRIES: u32 = 2000;

/// Other names for the names of one store.
pub struct Names {
    /// What each name becomes; those that stay become themselves.
    made: HashMap<Vec<u8>, Vec<u8>>,
    /// The first words of names, and of how many words the longest name is that begins with one.
    first: HashMap<Vec<u8>, usize>,
}

impl Names {
    /// Of all objects that a history knows.
    pub fn of(history: &History, registry: &Registry, key: &Key) -> Self {
        let (mut names, mut kept) = (BTreeSet::new(), BTreeSet::new());
        for id in history.keys().ids() {
            match registry.identify(history.keys().get(id)) {
                Identity::Object(object) => {
                    let is_own = NAMED_BY_WHAT_THEY_ARE.contains(&object.resource.full_name().as_str());
                    names.extend(object.namespace);
                    if is_own {
                        kept.insert(object.name)
                    } else {
                        names.insert(object.name)
                    };
                }
                Identity::Unlisted { rest, .. } => names.extend(rest.split('/')),
                Identity::Special(_) | Identity::Foreign => {}
            }
        }
        names.retain(|name| !name.is_empty());
        let stays = |name: &&str| kept.contains(name) || EVERYWHERE.contains(name) || name.parse::<IpAddr>().is_ok();
        let words_made = Words::of(names.iter().chain(&kept).flat_map(|name| words(name.as_bytes())), key);
        // Names that stay are known too: part of one may be the name of something else.
        let stay = kept.iter().chain(names.iter().filter(|name| stays(name))).chain(&EVERYWHERE);
        let stay = stay.map(|name| (name.as_bytes().to_vec(), name.as_bytes().to_vec()));
        let others = names.iter().filter(|name| !stays(name));
        let others = others.map(|name| (name.as_bytes().to_vec(), words_made.other(name)));
        let made: HashMap<Vec<u8>, Vec<u8>> = others.chain(stay).collect();
        let mut first: HashMap<Vec<u8>, usize> = HashMap::new();
        for name in made.keys() {
            let mut parts = words(name);
            let Some(head) = parts.next() else { continue };
            let count = first.entry(head.to_vec()).or_default();
            *count = (*count).max(1 + parts.count());
        }
        Self { made, first }
    }

    /// How many names become others.
    pub fn replaced(&self) -> usize {
        self.others().count()
    }

    fn others(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.made.iter().filter(|(name, made)| name != made).map(|(name, _)| name)
    }

    /// What a name becomes, if that is another one.
    pub fn other(&self, name: &str) -> Option<&[u8]> {
        self.made.get(name.as_bytes()).map(Vec::as_slice)
    }

    /// The other names of all keys that get one.
    pub fn keys(&self, history: &History, registry: &Registry) -> HashMap<KeyId, Vec<u8>> {
        let one = |id: KeyId| {
            let key = history.keys().get(id);
            let parts = match registry.identify(key) {
                Identity::Object(object) => 1 + usize::from(object.namespace.is_some()),
                Identity::Unlisted { rest, .. } => rest.split('/').count(),
                Identity::Special(_) | Identity::Foreign => return None,
            };
            let mut segments: Vec<&[u8]> = key.split(|&byte| byte == b'/').collect();
            let from = segments.len().checked_sub(parts)?;
            for segment in segments.get_mut(from..)? {
                *segment = self.made.get(*segment).map_or(*segment, Vec::as_slice);
            }
            let other = segments.join(&b'/');
            (other != key).then_some((id, other))
        };
        history.keys().ids().filter_map(one).collect()
    }

    /// Whether names stand in the texts of a field.
    pub fn are_in(field: &str) -> bool {
        !NO_NAMES.contains(&field)
    }

    /// Replaces all names in a text; how many there were. The names of fields of JSON in it stay.
    pub fn replace(&self, text: &mut [u8]) -> usize {
        let found = self.found(text);
        let mut count = 0;
        for (start, end) in found {
            if is_field(text, end) || is_no_name(text, start) {
                continue;
            }
            let Some(place) = text.get_mut(start..end) else { continue };
            if let Some(other) = self.made.get(&*place).filter(|other| other.len() == end - start) {
                count += usize::from(place != other.as_slice());
                place.copy_from_slice(other);
            }
        }
        count
    }

    /// Where names stand as words in a text: the first and longest of those that overlap.
    fn found(&self, text: &[u8]) -> Vec<(usize, usize)> {
        let places = words_of_text(text);
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(&(start, end)) = places.get(at) {
            let most = text.get(start..end).and_then(|word| self.first.get(word)).copied().unwrap_or(0);
            let ends = places.get(at..(at + most).min(places.len())).unwrap_or_default();
            let name = ends
                .iter()
                .enumerate()
                .rev()
                .find(|(_, (_, end))| text.get(start..*end).is_some_and(|name| self.made.contains_key(name)));
            at += name.map_or(1, |(more, _)| more + 1);
            found.extend(name.map(|(_, (_, end))| (start, *end)));
        }
        found
    }

    /// What looks for the names in the result.
    pub fn search(&self) -> Option<Search> {
        let mut names: Vec<Vec<u8>> = self.others().cloned().collect();
        names.sort();
        let long: Vec<Vec<u8>> = names.iter().filter(|name| name.len() >= SEARCHED).cloned().collect();
        let short = names.into_iter().filter(|name| name.len() < SEARCHED).collect();
        let automaton = AhoCorasick::new(&long).ok()?;
        Some(Search { long, short, automaton, found: Mutex::default() })
    }
}

/// A name that still stands in the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// The name.
    pub name: Vec<u8>,
    /// In how many keys of the result, or their values.
    pub keys: usize,
    /// The first of them.
    pub example: Vec<u8>,
}

/// Looks for names in a result, and notes where it finds some.
pub struct Search {
    long: Vec<Vec<u8>>,
    short: HashSet<Vec<u8>>,
    automaton: AhoCorasick,
    found: Mutex<BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>>>,
}

impl Search {
    /// Looks into a key and a value of it.
    pub fn look(&self, key: &[u8], value: &[u8]) {
        let mut names: BTreeSet<&[u8]> = BTreeSet::new();
        for text in [key, value] {
            let long = self.automaton.find_overlapping_iter(text);
            names.extend(long.filter_map(|found| self.long.get(found.pattern().as_usize())).map(Vec::as_slice));
            names.extend(words(text).filter_map(|word| self.short.get(word)).map(Vec::as_slice));
        }
        if names.is_empty() {
            return;
        }
        let mut found = self.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for name in names {
            found.entry(name.to_vec()).or_default().insert(key.to_vec());
        }
    }

    /// What was found, that which stands in most keys first.
    pub fn remaining(&self) -> Vec<Remaining> {
        let found = self.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let one = |(name, keys): (&Vec<u8>, &BTreeSet<Vec<u8>>)| Remaining {
            name: name.clone(),
            keys: keys.len(),
            example: keys.first().cloned().unwrap_or_default(),
        };
        let mut remaining: Vec<Remaining> = found.iter().map(one).collect();
        remaining.sort_by(|a, b| b.keys.cmp(&a.keys).then_with(|| a.name.cmp(&b.name)));
        remaining
    }
}

/// Another word for each word.
struct Words(HashMap<Vec<u8>, Vec<u8>>);

impl Words {
    /// No two words get the same one, and none gets one that any name has: so no two names get the same one, and what is left
    /// of a name can be told from what was made. Single letters and digits stay.
    fn of<'w>(words: impl Iterator<Item = &'w [u8]>, key: &Key) -> Self {
        let words: BTreeSet<&[u8]> = words.collect();
        let mut taken: HashSet<Vec<u8>> = words.iter().map(|word| word.to_vec()).collect();
        let mut others = HashMap::new();
        for word in words.into_iter().filter(|word| word.len() > 1) {
            let free = (0..TRIES).map(|number| another(word, number, key)).find(|other| !taken.contains(other));
            if let Some(other) = free {
                taken.insert(other.clone());
                others.insert(word.to_vec(), other);
            }
        }
        Self(others)
    }

    /// What a name becomes: what says what the object is for stays.
    fn other(&self, name: &str) -> Vec<u8> {
        let head = BEGINNINGS.iter().filter(|head| name.starts_with(**head)).map(|head| head.len()).max().unwrap_or(0);
        let end = ENDS.iter().filter(|end| name.ends_with(**end)).map(|end| end.len()).max().unwrap_or(0);
        // The number of a release of Helm.
        let version = name.rfind(".v").filter(|at| {
            let digits = name.get(at + 2..).unwrap_or_default();
            name.starts_with(BEGINNINGS[0]) && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        });
        let to = version.unwrap_or(name.len() - end).max(head);
        let mut other = name.as_bytes().to_vec();
        for (start, end) in places_of(name.as_bytes()) {
            let word = name.as_bytes().get(start..end).unwrap_or_default();
            let (Some(made), Some(place)) = (self.0.get(word), other.get_mut(start..end)) else { continue };
            if start >= head && end <= to {
                place.copy_from_slice(made);
            }
        }
        other
    }
}

/// A word of the same shape: letters for letters, digits for digits.
fn another(word: &[u8], number: u32, key: &Key) -> Vec<u8> {
    let salted = [word, b"\0name", &number.to_be_bytes()].concat();
    let shape = |(old, noise): (&u8, u8)| match old {
        b'a'..=b'z' => b'a' + noise % 26,
        b'A'..=b'Z' => b'A' + noise % 26,
        _ => b'0' + noise % 10,
    };
    word.iter().zip(key.noise(&salted)).map(shape).collect()
}

/// Where the words of a text are: runs of letters and digits.
fn places_of(text: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, byte) in text.iter().enumerate() {
        match (byte.is_ascii_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                found.push((from, at));
                start = None;
            }
            _ => {}
        }
    }
    found.extend(start.map(|from| (from, text.len())));
    found
}

/// As [`places_of`]; the letter behind a backslash belongs to no word: `\n` in JSON.
fn words_of_text(text: &[u8]) -> Vec<(usize, usize)> {
    let mut places = places_of(text);
    for (start, _) in &mut places {
        let escape = start.checked_sub(1).and_then(|before| text.get(before)) == Some(&b'\\');
        let len = if text.get(*start) == Some(&b'u') { 5 } else { 1 };
        *start += if escape { len } else { 0 };
    }
    places.retain(|(start, end)| start < end);
    places
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    places_of(text).into_iter().filter_map(|(start, end)| text.get(start..end))
}

/// Whether what ends here is the name of a field of JSON, or of JSON in a string.
fn is_field(text: &[u8], end: usize) -> bool {
    let behind = text.get(end..).unwrap_or_default();
    behind.starts_with(b"\":") || behind.starts_with(b"\\\":")
}

/// Whether what begins here is the value of a field of JSON that holds no name.
fn is_no_name(text: &[u8], start: usize) -> bool {
    let before = text.get(..start).unwrap_or_default();
    let quote = |text: &[u8]| text.strip_suffix(b"\\\"").or_else(|| text.strip_suffix(b"\"")).map(<[u8]>::len);
    let field = || {
        let colon = before.get(..quote(before)?)?.strip_suffix(b":")?;
        let field = colon.get(..quote(colon)?)?;
        let begin = field.iter().rposition(|byte| !byte.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
        std::str::from_utf8(field.get(begin..)?).ok()
    };
    field().is_some_and(|field| !Names::are_in(field))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_keep_their_length(mut bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[\\\\\":{}a-z ,-]{0,60}") {
            let names = names(&["web", "shop-a", "a-b-c"]);
            let len = bytes.len();
            names.replace(&mut bytes);
            prop_assert_eq!(bytes.len(), len);
            let mut text = text.into_bytes();
            names.replace(&mut text);
            let again = text.clone();
            // What stands there now is no name, so that nothing is replaced twice.
            names.replace(&mut text);
            prop_assert_eq!(text, again);
        }
    }

    fn names(all: &[&str]) -> Names {
        let key = Key::new([5; 32]);
        let words = Words::of(all.iter().flat_map(|name| words(name.as_bytes())), &key);
        let made: HashMap<_, _> = all.iter().map(|name| (name.as_bytes().to_vec(), words.other(name))).collect();
        let first = made.keys().map(|name| (words_first(name), 8)).collect();
        Names { made, first }
    }

    fn words_first(name: &[u8]) -> Vec<u8> {
        words(name).next().unwrap().to_vec()
    }

    #[test]
    fn names_keep_their_shape_and_stay_different() {
        let all =
            ["web", "web-7d9c5b8f6-x2x4z", "web-0", "sh.helm.release.v1.web.v12", "system:web", "n1.node-password.k3s"];
        let names = names(&all);
        let other = |name: &str| String::from_utf8(names.other(name).unwrap().to_vec()).unwrap();
        let web = other("web");
        assert!(web != "web" && web.len() == 3 && web.bytes().all(|byte| byte.is_ascii_lowercase()));
        assert!(other(all[1]).starts_with(&format!("{web}-")) && other(all[2]) == format!("{web}-0"));
        assert_eq!(other(all[3]), format!("sh.helm.release.v1.{web}.v12"));
        assert_eq!(other(all[4]), format!("system:{web}"));
        assert!(other(all[5]).ends_with(".node-password.k3s") && !other(all[5]).starts_with("n1"));
        // Two letters are few, and all of these are taken already but for one half.
        let many: Vec<String> = (0..26)
            .flat_map(|a| (0..12).map(move |b| format!("{}{}", (b'a' + a) as char, (b'a' + b) as char)))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let names = super::tests::names(&many);
        let different: BTreeSet<&[u8]> = many.iter().map(|name| names.other(name).unwrap()).collect();
        assert_eq!(different.len(), many.len());
    }

    #[test]
    fn names_are_replaced_as_words_and_fields_are_not() {
        let names = names(&["web", "shop", "web-7d9c-x2", "data"]);
        let other = |name: &str| String::from_utf8(names.other(name).unwrap().to_vec()).unwrap();
        let (web, shop, pod) = (other("web"), other("shop"), other("web-7d9c-x2"));
        for (text, expected) in [
            ("http://web.shop.svc:80/cobweb".to_owned(), format!("http://{web}.{shop}.svc:80/cobweb")),
            ("web-7d9c-x2 and web-7d9c".to_owned(), format!("{pod} and {web}-7d9c")),
            (
                r#"{"data":{"web":"web"},"kind":"shop"}"#.to_owned(),
                format!(r#"{{"data":{{"web":"{web}"}},"kind":"shop"}}"#),
            ),
            (
                r#"{"a":"{\"data\":\"web\",\"kind\":\"web\"}\nweb"}"#.to_owned(),
                format!(r#"{{"a":"{{\"data\":\"{web}\",\"kind\":\"web\"}}\n{web}"}}"#),
            ),
            (
                r#"{"f:web":{},"k:{\"name\":\"web\"}":{}}"#.to_owned(),
                format!(r#"{{"f:web":{{}},"k:{{\"name\":\"{web}\"}}":{{}}}}"#),
            ),
        ] {
            let mut bytes = text.into_bytes();
            names.replace(&mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        }
    }
}
