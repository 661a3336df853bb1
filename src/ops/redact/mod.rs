//! A store to be shared: every secret value is replaced by one of the same length that tells nothing, everything else stays,
//! and the engines start on it.
//!
//! Values are changed where they stand, byte for byte, so that lengths, revisions and fields that nobody knows stay what they
//! are. What stands for a value is made of it with a key that is forgotten with the run: equal values stay equal in one
//! store, and nobody can try guesses.

mod gather;
mod key;
mod names;
mod needles;
mod value;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::convert::{self, Convert, ConvertError, Options, Phase, Rewrite, Target};
use super::keyring::Keyring;
use super::objects::Objects;
use super::store::{OpenStore, Store};
use crate::kube::encryption::{self, SealError};
use crate::kube::resources::{Identity, Special};
use crate::model::{Engine, History, KeyId, ValueRef};
use crate::source::Damage;
use key::Key;
pub use names::Remaining;
use names::{Names, Search};
use needles::{Needles, TooMany};
pub use value::Counts;
use value::Redactor;

/// Why nothing was redacted.
#[derive(Debug, thiserror::Error)]
pub enum RedactError {
    /// The system has no randomness to give.
    #[error(transparent)]
    Random(#[from] SealError),
    /// A value could not be read.
    #[error("{0}")]
    Damage(Damage),
    /// There are too many secrets.
    #[error("{0}; leave some out with `kinescope prune --drop` first")]
    TooMany(String),
    /// There are too many names.
    #[error("{0} names are more than can be looked for at once; leave some out with `kinescope prune --drop` first")]
    TooManyNames(usize),
    /// Writing the store failed, or was refused.
    #[error(transparent)]
    Convert(#[from] ConvertError),
}

impl From<TooMany> for RedactError {
    fn from(error: TooMany) -> Self {
        Self::TooMany(error.to_string())
    }
}

/// What to redact.
pub struct Redact<'a> {
    /// The store.
    pub source: &'a OpenStore,
    /// The keys of its encrypted values.
    pub keyring: &'a Keyring,
    /// Where to.
    pub target: &'a Path,
    /// What to write; `None` for the source's engine.
    pub to: Option<Target>,
    /// Whether names of objects and namespaces become others, too.
    pub names: bool,
    /// Only try.
    pub check_only: bool,
    /// Overwrite a target that exists.
    pub force: bool,
}

/// Why a value is noise now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoiseFor {
    /// k3s's bootstrap data.
    Bootstrap,
    /// It is encrypted, and its key is not at hand.
    Encrypted,
    /// It is a Secret that cannot be read, or would not be the same object without its secrets.
    Unreadable,
}

impl NoiseFor {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bootstrap => "bootstrap",
            Self::Encrypted => "encrypted",
            Self::Unreadable => "unreadable",
        }
    }
}

/// A key of which values are noise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noise {
    /// The key.
    pub key: Vec<u8>,
    /// How many of its values.
    pub values: usize,
    /// Why.
    pub why: NoiseFor,
}

/// What was redacted.
#[derive(Clone, Debug)]
pub struct Redacted {
    /// The report of the copy.
    pub report: convert::Report,
    /// The engine of the source.
    pub from: Engine,
    /// Secret values of the source, each once.
    pub secrets: usize,
    /// Those of them that were looked for in every value, in all forms.
    pub looked_for: usize,
    /// What was replaced.
    pub counts: Counts,
    /// Keys outside of Secrets in whose values something was replaced.
    pub elsewhere: Vec<Vec<u8>>,
    /// Encrypted values that were opened, and are plain now.
    pub opened: usize,
    /// What is noise.
    pub noise: Vec<Noise>,
    /// What became of names, where that was asked for.
    pub names: Option<Renamed>,
}

/// What became of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// How many names became others.
    pub names: usize,
    /// How many keys are others.
    pub keys: usize,
    /// Names that still stand somewhere in the result.
    pub remaining: Vec<Remaining>,
}

/// What became of one value.
struct Made {
    key: KeyId,
    place: u64,
    bytes: Vec<u8>,
    counts: Counts,
    noise: Option<NoiseFor>,
    opened: bool,
}

impl Redact<'_> {
    /// Writes the redacted store, and makes sure that no secret value is in it.
    ///
    /// # Errors
    /// [`RedactError`]; nothing is left under the target's name then.
    pub fn run(&self, progress: &mut (dyn FnMut(Phase, u64, u64) -> bool + Send)) -> Result<Redacted, RedactError> {
        let history = self.source.store.history();
        let objects = Objects::new(history, self.keyring, None, history.current_revision());
        let key = Key::new(encryption::random()?);
        let values = all_values(&self.source.store);
        let secrets = self.secrets(&objects, &values)?;
        let count = secrets.len();
        let known = looked_for(history, secrets, &key);
        let needles = Arc::new(Needles::new(&known, &key)?);
        let names = self.names.then(|| Names::of(history, objects.registry(), &key));
        let redactor = Redactor { key: &key, needles: &needles, names: names.as_ref() };
        let made: Vec<Option<Made>> = values
            .par_iter()
            .map(|&(key, value)| self.value(&objects, &redactor, key, value))
            .collect::<Result<_, _>>()?;
        let made: Vec<Made> = made.into_iter().flatten().collect();
        let mut redacted = Summary::of(&objects, &made);
        redacted.noise.sort_by_key(|noise| (noise.why, noise.key.clone()));
        let from = history.engine();
        let to = self.to.unwrap_or(Target::of(from));
        let new: HashMap<u64, Vec<u8>> = made.into_iter().map(|made| (made.place, made.bytes)).collect();
        let forbidden = Arc::clone(&needles);
        let mut rewrite = Rewrite::new(new, Arc::new(move |text| forbidden.any(text)));
        let mut search: Option<(Arc<Search>, usize)> = None;
        if let Some(names) = &names {
            let keys = names.keys(history, objects.registry());
            let looking = Arc::new(names.search().ok_or(RedactError::TooManyNames(names.replaced()))?);
            search = Some((Arc::clone(&looking), keys.len()));
            rewrite = rewrite.with_names(keys, Arc::new(move |key, value| looking.look(key, value)));
        }
        let options = Options { rewrite: Some(rewrite), ..Options::plain(to) };
        let job = Convert {
            source: self.source,
            target: self.target,
            options: &options,
            check_only: self.check_only,
            force: self.force,
        };
        let report = convert::convert(&job, progress)?;
        Ok(Redacted {
            report,
            from,
            secrets: count,
            looked_for: known.len(),
            counts: redacted.counts,
            elsewhere: redacted.elsewhere,
            opened: redacted.opened,
            noise: redacted.noise,
            names: names.zip(search).map(|(names, (search, keys))| Renamed {
                names: names.replaced(),
                keys,
                remaining: search.remaining(),
            }),
        })
    }

    /// The values of all Secrets that can be read.
    fn secrets(&self, objects: &Objects<'_>, values: &[(KeyId, ValueRef)]) -> Result<BTreeSet<Vec<u8>>, RedactError> {
        let history = objects.history();
        let of_secrets = values.par_iter().filter(|(key, _)| is_secret(objects, *key));
        let found: Vec<BTreeSet<Vec<u8>>> = of_secrets
            .map(|&(key, value)| {
                let mut found = BTreeSet::new();
                let stored = history.value(value).map_err(RedactError::Damage)?;
                if let Ok(plain) = self.keyring.open(history.keys().get(key), &stored) {
                    gather::add(&plain, &mut found);
                }
                Ok(found)
            })
            .collect::<Result<_, RedactError>>()?;
        Ok(found.into_iter().flatten().collect())
    }

    /// What a value becomes; nothing for one that stays.
    fn value(
        &self,
        objects: &Objects<'_>,
        redactor: &Redactor<'_>,
        key: KeyId,
        value: ValueRef,
    ) -> Result<Option<Made>, RedactError> {
        let history = objects.history();
        let stored = history.value(value).map_err(RedactError::Damage)?;
        let (counts, opened) = (Counts::default(), false);
        let noise = |bytes, why| Some(Made { key, place: value.place, bytes, counts, noise: Some(why), opened });
        if objects.identity(key) == Identity::Special(Special::Bootstrap) {
            return Ok(noise(redactor.bootstrap(&stored), NoiseFor::Bootstrap));
        }
        let opened = encryption::is_encrypted(&stored);
        let Ok(plain) = self.keyring.open(history.keys().get(key), &stored) else {
            return Ok(noise(redactor.closed(&stored), NoiseFor::Encrypted));
        };
        let Ok((bytes, counts)) = redactor.redact(&plain, is_secret(objects, key)) else {
            return Ok(noise(redactor.key.noise(&plain), NoiseFor::Unreadable));
        };
        let is_same = bytes == *stored;
        Ok((!is_same).then_some(Made { key, place: value.place, bytes, counts, noise: None, opened }))
    }
}

/// Whether a key is a Secret's.
fn is_secret(objects: &Objects<'_>, key: KeyId) -> bool {
    objects.is_secret(key) && objects.identity(key) != Identity::Special(Special::Bootstrap)
}

/// Every value of a store that has bytes, with its key: of kine also what only `old_value` and tombstones hold.
fn all_values(store: &Store) -> Vec<(KeyId, ValueRef)> {
    let mut values: Vec<(KeyId, ValueRef)> = match store {
        Store::Etcd(store) => store.history().changes().iter().map(|change| (change.key, change.value)).collect(),
        Store::Kine(store) => {
            let rows = store.rows().iter();
            rows.flat_map(|row| [row.value, row.old_value].into_iter().flatten().map(|value| (row.key, value)))
                .collect()
        }
    };
    values.retain(|(_, value)| value.len > 0);
    values
}

/// The secrets that are looked for in every value, with what stands for them. What is part of the name of an object is not:
/// it would be another object then.
fn looked_for(history: &History, secrets: BTreeSet<Vec<u8>>, key: &Key) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let names: Vec<u8> = history.keys().ids().flat_map(|key| [history.keys().get(key), b"\n"].concat()).collect();
    let secrets: Vec<Vec<u8>> = secrets.into_iter().collect();
    let is_name = |secret: &[u8]| memchr::memmem::find(&names, secret).is_some();
    let kept = secrets.into_par_iter().filter(|secret| needles::is_looked_for(secret, is_name));
    kept.map(|secret| (secret.clone(), key.replacement(&secret))).collect()
}

#[derive(Default)]
struct Summary {
    counts: Counts,
    elsewhere: Vec<Vec<u8>>,
    opened: usize,
    noise: Vec<Noise>,
}

impl Summary {
    fn of(objects: &Objects<'_>, made: &[Made]) -> Self {
        let mut summary = Self::default();
        let mut elsewhere = BTreeSet::new();
        let mut noise: BTreeMap<(NoiseFor, KeyId), usize> = BTreeMap::new();
        for made in made {
            summary.counts = summary.counts.plus(made.counts);
            summary.opened += usize::from(made.opened && made.noise.is_none());
            if let Some(why) = made.noise {
                *noise.entry((why, made.key)).or_default() += 1;
            }
            let found = made.counts.elsewhere + made.counts.private_keys + made.counts.tokens;
            if found > 0 && !is_secret(objects, made.key) {
                elsewhere.insert(made.key);
            }
        }
        let name = |key: KeyId| objects.history().keys().get(key).to_vec();
        summary.elsewhere = elsewhere.into_iter().map(name).collect();
        let noise = noise.into_iter().map(|((why, key), values)| Noise { key: name(key), values, why });
        summary.noise = noise.collect();
        summary
    }
}
