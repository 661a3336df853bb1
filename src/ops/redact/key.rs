//! What stands for a secret value: as long as it, of the same kind of characters, the same wherever the value stands in one
//! run, and another one in the next.

use hkdf::Hkdf;
use sha2::Sha256;

/// Bytes that HKDF gives for one `info`, at most (RFC 5869): 255 times the hash.
const BLOCK: usize = 255 * 32;
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &[u8] = b"0123456789abcdef";
const DIGITS: &[u8] = b"123456789";

/// The key of one run, which nobody keeps.
pub struct Key([u8; 32]);

impl Key {
    /// A key of random bytes.
    pub fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// As many bytes as `secret` has, which only the key and the secret tell.
    pub fn noise(&self, secret: &[u8]) -> Vec<u8> {
        let stream = Hkdf::<Sha256>::new(Some(&self.0), secret);
        let mut out = vec![0; secret.len()];
        for (number, block) in (0u64..).zip(out.chunks_mut(BLOCK)) {
            // A block is never longer than what HKDF gives.
            let _ = stream.expand(&number.to_be_bytes(), block);
        }
        out
    }

    /// What stands for `secret`: text for text, with its line ends, its outer white space and the padding of base64; digits
    /// for digits, so that a number stays one; bytes for bytes.
    pub fn replacement(&self, secret: &[u8]) -> Vec<u8> {
        let core = secret.trim_ascii();
        let is_text = std::str::from_utf8(core).is_ok_and(|text| !text.contains(is_odd));
        let noise = self.noise(core);
        let alphabet = match core {
            _ if !is_text => return self.bytes(secret, core, &noise),
            _ if core.iter().all(u8::is_ascii_digit) => DIGITS,
            _ if core.len() >= 16 && core.iter().all(|byte| HEX.contains(byte)) => HEX,
            _ => LOWER,
        };
        let padding = core.iter().rev().take_while(|&&byte| byte == b'=').count();
        let mut made: Vec<u8> = core.iter().zip(&noise).map(|(old, noise)| keep(*old, *noise, alphabet)).collect();
        if let Some(end) = made.len().checked_sub(padding).filter(|end| *end > 0) {
            made.get_mut(end..).unwrap_or_default().fill(b'=');
        }
        differ(core, &mut made, alphabet);
        around(secret, core, &made)
    }

    fn bytes(&self, secret: &[u8], core: &[u8], noise: &[u8]) -> Vec<u8> {
        let mut made = noise.to_vec();
        if let Some(first) = made.first_mut().filter(|_| noise == core) {
            *first ^= 1;
        }
        around(secret, core, &made)
    }

    /// Noise for a text of letters and digits with marks between them, which stay: bootstrap data, keys in PEM.
    pub fn text(&self, text: &[u8], alphabet: Option<&[u8]>) -> Vec<u8> {
        let noise = self.noise(text);
        let alphabet = alphabet.unwrap_or(LOWER);
        let mut before = 0;
        let made = text.iter().zip(&noise).map(|(&old, &noise)| {
            let is_escape = before == b'\\';
            before = old;
            match old {
                _ if is_escape => old,
                b'+' | b'/' => pick(noise, alphabet),
                _ if old.is_ascii_alphanumeric() => pick(noise, alphabet),
                _ => old,
            }
        });
        made.collect()
    }
}

/// The alphabet of hexadecimal text.
pub const HEXADECIMAL: &[u8] = HEX;

fn is_odd(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\r' | '\t')
}

fn pick(noise: u8, alphabet: &[u8]) -> u8 {
    alphabet.get(usize::from(noise) % alphabet.len().max(1)).copied().unwrap_or(b'x')
}

fn keep(old: u8, noise: u8, alphabet: &[u8]) -> u8 {
    if matches!(old, b'\n' | b'\r' | b'\t') { old } else { pick(noise, alphabet) }
}

/// Chance may give a short secret back.
fn differ(core: &[u8], made: &mut [u8], alphabet: &[u8]) {
    if core == made
        && let Some(first) = made.first_mut()
        && let Some(other) = alphabet.iter().find(|other| *other != first)
    {
        *first = *other;
    }
}

/// With the white space that stood around it.
fn around(secret: &[u8], core: &[u8], made: &[u8]) -> Vec<u8> {
    let lead = secret.len() - secret.trim_ascii_start().len();
    let tail = lead.saturating_add(core.len()).min(secret.len());
    [secret.get(..lead).unwrap_or_default(), made, secret.get(tail..).unwrap_or_default()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_secret_is_as_long_and_of_the_same_kind() {
        let (key, other) = (Key::new([1; 32]), Key::new([2; 32]));
        for secret in [&b"hunter2"[..], b"5432", b"\xff\x00\x01\x02", b"aGVsbG8=", b"a\nb\n", b"", b"x", &[7; 20_000]] {
            let made = key.replacement(secret);
            assert_eq!(made.len(), secret.len());
            assert_eq!(made, key.replacement(secret));
            if !secret.is_empty() {
                assert_ne!(made, secret);
            }
            if secret.len() > 4 {
                assert_ne!(made, other.replacement(secret));
            }
        }
        assert!(key.replacement(b"5432").iter().all(u8::is_ascii_digit));
        assert!(key.replacement(b"aGVsbG8=").ends_with(b"=") && key.replacement(b"pass word\n").ends_with(b"\n"));
        // The same secret in another place, with a line end behind it, is the same.
        assert_eq!(key.replacement(b"hunter2\n")[..7], key.replacement(b"hunter2"));
        assert_eq!(key.text(b"ab:c+\\n=", None)[2], b':');
        assert_eq!(key.text(b"ab:c+\\n=", None)[5..], *b"\\n=");
    }
}
