//! The names of findings: one place for all of them, so that none is told that is not written down.

use std::fmt;

use crate::source::Damage;

/// The name of a finding, short and stable, for scripts. What each means stands in docs/verify.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(&'static str);

impl Id {
    /// The name that a reader gave to damage.
    pub const fn of(damage: &Damage) -> Self {
        Self(damage.id)
    }

    /// The name itself.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Makes a constant of each name, and a list of them.
macro_rules! ids {
    ($(#[$about:meta])* $list:ident: $($id:ident = $name:literal,)*) => {
        #[allow(missing_docs, reason = "docs/verify.md says what each means")]
        impl Id {
            $(pub const $id: Self = Self($name);)*
        }
        $(#[$about])*
        pub const $list: &[Id] = &[$(Id::$id),*];
    };
}

ids! {
    /// What `verify` finds, beside the damage that readers tell.
    OF_VERIFY:
    NOT_A_STORE = "not-a-store",
    UNREADABLE = "unreadable",
    EMPTY_STORE = "empty-store",
    NOTHING_REACHABLE = "nothing-reachable",
    TRAILER = "trailer",
    CUT_OFF = "cut-off",
    NO_TRAILER = "no-trailer",
    ROW_LOST = "row-lost",
    VALUE_BROKEN = "value-broken",
    VALUE_ODD = "value-odd",
    OTHER_THAN_ITS_KEY = "other-than-its-key",
    COPIES_DIFFER = "copies-differ",
    DOES_NOT_OPEN = "does-not-open",
    LOCKED = "locked",
    BOOTSTRAP_BROKEN = "bootstrap-broken",
    ENCRYPTION_CONFIG_BROKEN = "encryption-config-broken",
    TOKEN_NO_FIT = "token-no-fit",
    TOKEN_UNUSED = "token-unused",
    TOKEN_FORM = "token-form",
    TOKEN_CA_HASH = "token-ca-hash",
    KEYS_NOT_READ = "keys-not-read",
    BOOTSTRAP_NONE = "bootstrap-none",
    BOOTSTRAP_SEVERAL = "bootstrap-several",
    BOOTSTRAP_LOCK = "bootstrap-lock",
    BOOTSTRAP_OLD_FORM = "bootstrap-old-form",
    AUTHORITY_TIME = "authority-time",
    PLAIN_LIVE = "plain-live",
    PLAIN_HISTORY = "plain-history",
    MASTERLEASE_FOREVER = "masterlease-forever",
    LEASE_UNKNOWN = "lease-unknown",
    EVENTS_FOREVER = "events-forever",
    REVISIONS_MISSING = "revisions-missing",
    REVISION_BUMP = "revision-bump",
    COMPACTION_UNFINISHED = "compaction-unfinished",
    KIND_UNKNOWN = "kind-unknown",
    SURGERY = "surgery",
    OLDER_META_SOUND = "older-meta-sound",
    REVISION_DECREASED = "revision-decreased",
    MEMBERS_DIFFER = "members-differ",
    MEMBERS_REMOVED = "members-removed",
    LEARNER_VOTES = "learner-votes",
    ALARM = "alarm",
    BUCKET_ABSENT = "bucket-absent",
    NO_LOG = "no-log",
    UNCOMMITTED = "uncommitted",
    DEFRAG_LEFTOVER = "defrag-leftover",
    RECEIVED_DATABASE = "received-database",
    DATABASE_BEHIND = "database-behind",
    EFFECT_MISSING = "effect-missing",
    LOG_NOTE = "log-note",
    LOG_REFUSED = "log-refused",
    SEQUENCE_ABSENT = "sequence-absent",
    COMPACT_ROW_TWICE = "compact-row-twice",
    COMPACT_ROW_MISSING = "compact-row-missing",
    INDEX_ABSENT = "index-absent",
    WAL_UNCOMMITTED = "wal-uncommitted",
    WAL_STALE = "wal-stale",
    WAL_TORN = "wal-torn",
    ENGINE_ABSENT = "engine-absent",
    ENGINE_NOT_TRIED = "engine-not-tried",
    ENGINE_REFUSES = "engine-refuses",
    ENGINE_DIFFERS = "engine-differs",
    ENGINE_SERVES = "engine-serves",
}

ids! {
    /// What `doctor` finds, beside all that `verify` finds in the store.
    OF_DOCTOR:
    HALF_MIGRATED = "half-migrated",
    TWO_STORES = "two-stores",
    ONLY_MIGRATED = "only-migrated",
    STATE_AFTER_MIGRATION = "state-after-migration",
    MIGRATED = "migrated",
    WAL_FOREIGN = "wal-foreign",
    WAL_ALONE = "wal-alone",
    WAL_OF_MIGRATED = "wal-of-migrated",
    SHM_ALONE = "shm-alone",
    JOURNAL = "journal",
    ETCD_HOLLOW = "etcd-hollow",
    ETCD_WITHOUT_LOG = "etcd-without-log",
    ETCD_TOMBSTONE = "etcd-tombstone",
    ETCD_TMP = "etcd-tmp",
    ETCD_OLD = "etcd-old",
    RESET_FLAG = "reset-flag",
    CONFIG_ENDPOINT_AND_INIT = "config-endpoint-and-init",
    CONFIG_ENDPOINT_IGNORED = "config-endpoint-ignored",
    CONFIG_MIGRATES = "config-migrates",
    CONFIG_ENDPOINT = "config-endpoint",
    TOKEN_MISSING = "token-missing",
    TOKEN_DIFFERS = "token-differs",
    FILE_NEWER = "file-newer",
    FILE_OLDER = "file-older",
    FILE_MISSING = "file-missing",
    FILES_FROM_STORE = "files-from-store",
    ENCRYPTION_FLAG = "encryption-flag",
    ENCRYPTION_NEEDED = "encryption-needed",
    ENCRYPTION_KEY_MISSING = "encryption-key-missing",
    AUTHORITY_ENDED = "authority-ended",
    AUTHORITY_ENDS = "authority-ends",
    CERTIFICATE_ENDED = "certificate-ended",
    CERTIFICATE_ENDS = "certificate-ends",
    CLOCK = "clock",
    OWNER = "owner",
    MODE_OPEN = "mode-open",
    MODE_READ_ONLY = "mode-read-only",
}
