//! Certificates: whose they are, who signed them, and how long they last.

use sha2::{Digest, Sha256};
use x509_parser::pem::Pem;

/// Seconds before its end from which a certificate is said to end soon: 90 days.
const SOON: i64 = 90 * 24 * 3600;
/// Certificates of one file that are looked at: a chain is short.
const MOST: usize = 64;

/// What a certificate says of itself. Nothing is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Seconds since 1970 from which it is good.
    pub not_before: i64,
    /// Seconds since 1970 until which it is good.
    pub not_after: i64,
    /// SHA-256 of its DER form, in hexadecimal.
    pub sha256: String,
}

/// Where a moment lies in a certificate's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Good.
    Good,
    /// Good for less than 90 days.
    EndsSoon,
    /// No longer good.
    Expired,
    /// Not yet good.
    NotYet,
}

impl Validity {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::EndsSoon => "ends_soon",
            Self::Expired => "expired",
            Self::NotYet => "not_yet_good",
        }
    }
}

impl Certificate {
    /// Where `now`, in seconds since 1970, lies in its life.
    pub fn validity(&self, now: i64) -> Validity {
        if now > self.not_after {
            Validity::Expired
        } else if now < self.not_before {
            Validity::NotYet
        } else if self.not_after.saturating_sub(now) < SOON {
            Validity::EndsSoon
        } else {
            Validity::Good
        }
    }
}

/// The certificates of a PEM file, in order. What is no certificate is passed over.
pub fn certificates(pem: &[u8]) -> Vec<Certificate> {
    let blocks = Pem::iter_from_buffer(pem).take(MOST).map_while(Result::ok);
    blocks
        .filter(|block| block.label == "CERTIFICATE")
        .filter_map(|block| {
            let parsed = block.parse_x509().ok()?;
            Some(Certificate {
                subject: parsed.subject().to_string(),
                issuer: parsed.issuer().to_string(),
                not_before: parsed.validity().not_before.timestamp(),
                not_after: parsed.validity().not_after.timestamp(),
                sha256: hex(&Sha256::digest(&block.contents)),
            })
        })
        .collect()
}

/// Whether a token's CA hash is that of this file of CA certificates: of the whole file where it holds one certificate, of
/// the root's DER form where it holds a chain (k3s pkg/clientaccess/token.go, hashCA).
pub fn ca_hash_fits(pem: &[u8], hash: &str) -> bool {
    let certificates = certificates(pem);
    match certificates.as_slice() {
        [] => false,
        [_] => hex(&Sha256::digest(pem)) == hash,
        chain => chain.iter().skip(1).any(|certificate| certificate.sha256 == hash),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_lies_before_in_or_behind_a_life() {
        let day = 24 * 3600;
        let certificate = Certificate {
            subject: String::new(),
            issuer: String::new(),
            not_before: 100 * day,
            not_after: 465 * day,
            sha256: String::new(),
        };
        let validity = [99, 100, 375, 376, 465, 466].map(|at| certificate.validity(at * day));
        use Validity::{EndsSoon, Expired, Good, NotYet};
        assert_eq!(validity, [NotYet, Good, Good, EndsSoon, EndsSoon, Expired]);
    }
}
