//! Which release of Kubernetes an object is shown or written for.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A minor release of Kubernetes 1: 35 of 1.35.4. What is printed when a field is absent depends on it, and what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minor(u8);

impl Minor {
    /// The oldest release whose types the table has.
    pub const OLDEST: Self = Self(20);
    /// The newest release whose types the table has.
    pub const NEWEST: Self = Self(37);

    /// 1.`minor`, known or not.
    pub const fn new(minor: u8) -> Self {
        Self(minor)
    }

    /// 35 of 1.35.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// This release, or the nearest one whose types the table has.
    pub fn nearest_known(self) -> Self {
        self.clamp(Self::OLDEST, Self::NEWEST)
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

/// A text that names no release of Kubernetes 1.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{0:?} is no release of Kubernetes; write it as 1.35 or as a node reports it, v1.35.4+k3s1")]
pub struct NoMinor(String);

impl FromStr for Minor {
    type Err = NoMinor;

    fn from_str(text: &str) -> Result<Self, NoMinor> {
        let numbers = text.strip_prefix('v').unwrap_or(text).strip_prefix("1.");
        let minor = numbers.and_then(|rest| rest.split(['.', '+', '-']).next()?.parse().ok());
        minor.map(Self).ok_or_else(|| NoMinor(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_as_people_and_nodes_write_them() {
        for text in ["1.35", "v1.35", "v1.35.4+k3s1", "1.35.0-rc.1", "1.35+"] {
            assert_eq!(text.parse(), Ok(Minor(35)), "{text}");
        }
        for text in ["", "35", "2.35", "v1", "1.", "1.x", "1.300", "1.-1"] {
            assert!(text.parse::<Minor>().is_err(), "{text}");
        }
    }
}
