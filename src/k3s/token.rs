//! The server token, and the passphrases that k3s has made of one over time.
//!
//! A full token is `K10<CA hash>::<user>:<password>`, a short one the password alone (k3s pkg/clientaccess/token.go,
//! parseToken).

use sha2::{Digest, Sha256};

/// What the keys of the bootstrap data begin with.
pub const KEY_PREFIX: &[u8] = b"/bootstrap/";
/// Hexadecimal digits of a hash in such a key.
const HASH_DIGITS: usize = 12;
/// What a full token begins with.
const FULL_PREFIX: &str = "K10";
/// Hexadecimal digits of the CA's hash in a full token.
const CA_HASH_DIGITS: usize = 64;

/// A token as a user has it. It shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
}

/// Which of the passphrases that k3s has made of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variant {
    /// The password: what k3s uses.
    Password,
    /// The token as it was given, with its prefix (k3s before 1.21; moved to the password at the next start).
    Whole,
    /// Nothing: a cluster that was started without a token (k3s before 1.21; moved likewise).
    Empty,
}

impl Variant {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Whole => "whole",
            Self::Empty => "empty",
        }
    }
}

/// A passphrase for the bootstrap data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Passphrase<'t> {
    /// How it was made.
    pub variant: Variant,
    text: &'t str,
}

/// Why a text can be no new token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is nothing.
    #[error("the token is empty")]
    Empty,
    /// k3s would not start with it.
    #[error(
        "the token begins with K10 and is not K10<64 hexadecimal digits>::<user>:<password>, so k3s would refuse it"
    )]
    Malformed,
    /// k3s takes such a text for an id and a secret, and has no password then (k3s-io/k3s issue 12982).
    #[error(
        "the token has the form of a kubeadm bootstrap token (six characters, a dot, sixteen characters), which k3s does \
         not take as a server's token; choose another"
    )]
    Kubeadm,
    /// It would not survive a file or a unit.
    #[error("the token has control characters or spaces in it")]
    Unprintable,
}

impl Token {
    /// A token as it stands in a file or was typed; white space around it is dropped, as k3s does.
    pub fn new(text: &str) -> Self {
        Self { text: text.trim().to_owned() }
    }

    /// The CA's hash in a full token.
    pub fn ca_hash(&self) -> Option<&str> {
        let (hash, _) = self.text.strip_prefix(FULL_PREFIX)?.split_once("::")?;
        (hash.len() == CA_HASH_DIGITS).then_some(hash)
    }

    /// The password that k3s takes out of it; `None` for what k3s would refuse.
    pub fn password(&self) -> Option<&str> {
        let Some(full) = self.text.strip_prefix(FULL_PREFIX) else {
            return (!self.text.is_empty()).then_some(&self.text);
        };
        let credentials = match full.split_once("::") {
            Some((hash, credentials)) if hash.is_empty() || hash.len() == CA_HASH_DIGITS => credentials,
            Some(_) => return None,
            None => full,
        };
        credentials.split_once(':').map(|(_, password)| password).filter(|password| !password.is_empty())
    }

    /// The passphrases that may have been made of it, the one in use today first.
    pub fn passphrases(&self) -> Vec<Passphrase<'_>> {
        let password = self.password().map(|text| Passphrase { variant: Variant::Password, text });
        let mut all: Vec<Passphrase<'_>> = password.into_iter().collect();
        if password.is_none_or(|password| password.text != self.text) && !self.text.is_empty() {
            all.push(Passphrase { variant: Variant::Whole, text: &self.text });
        }
        all.push(Passphrase { variant: Variant::Empty, text: "" });
        all
    }

    /// The passphrase of a token that k3s is to be started with.
    ///
    /// # Errors
    /// [`TokenError`]: k3s would refuse it, or lose it.
    pub fn for_new_store(&self) -> Result<Passphrase<'_>, TokenError> {
        if self.text.is_empty() {
            return Err(TokenError::Empty);
        }
        if self.text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(TokenError::Unprintable);
        }
        let credentials = self.text.strip_prefix(FULL_PREFIX).and_then(|full| full.split_once("::"));
        if is_kubeadm(credentials.map_or(&self.text, |(_, credentials)| credentials)) {
            return Err(TokenError::Kubeadm);
        }
        let text = self.password().ok_or(TokenError::Malformed)?;
        Ok(Passphrase { variant: Variant::Password, text })
    }
}

/// `[a-z0-9]{6}\.[a-z0-9]{16}` (k3s pkg/kubeadm/token.go).
fn is_kubeadm(text: &str) -> bool {
    let plain = |part: &str, len| {
        part.len() == len && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.split_once('.').is_some_and(|(id, secret)| plain(id, 6) && plain(secret, 16))
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl<'t> Passphrase<'t> {
    /// The empty passphrase.
    pub const EMPTY: Passphrase<'static> = Passphrase { variant: Variant::Empty, text: "" };

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// The first 12 hexadecimal digits of its SHA-256: the end of the bootstrap data's key, and k3s's "token hash" (k3s
    /// pkg/util/token.go, ShortHash).
    pub fn hash(&self) -> String {
        let mut hex: String = Sha256::digest(self.text).iter().map(|byte| format!("{byte:02x}")).collect();
        hex.truncate(HASH_DIGITS);
        hex
    }

    /// The key of bootstrap data under this passphrase.
    pub fn key(&self) -> Vec<u8> {
        [KEY_PREFIX, self.hash().as_bytes()].concat()
    }
}

impl std::fmt::Debug for Passphrase<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Passphrase").field(&self.variant).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Option<String> {
        Token::new(text).password().map(str::to_owned)
    }

    #[test]
    fn tokens_are_taken_apart_as_k3s_does() {
        let hash = "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126";
        assert_eq!(password(&format!("K10{hash}::server:pass\n")).as_deref(), Some("pass"));
        assert_eq!(password(&format!("K10{hash}::server:pa:ss::x")).as_deref(), Some("pa:ss::x"));
        assert_eq!(password("K10::server:pass").as_deref(), Some("pass"));
        assert_eq!(password("K10user:pass").as_deref(), Some("pass"));
        assert_eq!(password("pa:ss").as_deref(), Some("pa:ss"));
        assert_eq!(password("K10abc::server:pass"), None);
        assert_eq!(password("K10pass"), None);
        assert_eq!(password(""), None);
        assert_eq!(Token::new(&format!("K10{hash}::server:pass")).ca_hash(), Some(hash));
        assert_eq!(Token::new("pass").ca_hash(), None);
    }

    #[test]
    fn every_passphrase_has_its_hash() {
        let token = Token::new("K10::server:pass");
        let all: Vec<(Variant, String)> =
            token.passphrases().iter().map(|passphrase| (passphrase.variant, passphrase.hash())).collect();
        // sha256sum of "pass", of the whole, and of nothing.
        let expected = [
            (Variant::Password, "d74ff0ee8da3".to_owned()),
            (Variant::Whole, "a6317e4ab2a6".to_owned()),
            (Variant::Empty, "e3b0c44298fc".to_owned()),
        ];
        assert_eq!(all, expected);
        assert_eq!(Token::new("pass").passphrases().len(), 2);
    }

    #[test]
    fn tokens_that_k3s_would_not_keep_are_no_new_ones() {
        let refused = |text: &str| Token::new(text).for_new_store().err();
        assert_eq!(refused(" \n"), Some(TokenError::Empty));
        assert_eq!(refused("K10pass"), Some(TokenError::Malformed));
        assert_eq!(refused("abcdef.0123456789abcdef"), Some(TokenError::Kubeadm));
        assert_eq!(refused("K10::abcdef.0123456789abcdef"), Some(TokenError::Kubeadm));
        assert_eq!(refused("a b"), Some(TokenError::Unprintable));
        assert_eq!(refused("a-good-token"), None);
    }
}
