//! Which of two API versions Kubernetes prefers.

use std::cmp::{Ordering, Reverse};

/// How far a version has come. The order is Kubernetes' order of trust, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Stable,
    Beta,
    Alpha,
}

/// Orders versions as Kubernetes does, preferred first: stable before beta before alpha, higher numbers first, names that
/// are no versions last and by their letters (apimachinery pkg/version/helpers.go).
pub fn version_order(left: &str, right: &str) -> Ordering {
    match (parse(left), parse(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}

/// `v2beta1` as (Beta, 2, 1).
fn parse(version: &str) -> Option<(Stage, Reverse<u64>, Reverse<u64>)> {
    let rest = version.strip_prefix('v')?;
    let (major, rest) = number(rest)?;
    let (stage, minor) = match rest {
        "" => return Some((Stage::Stable, Reverse(major), Reverse(0))),
        rest => match (rest.strip_prefix("beta"), rest.strip_prefix("alpha")) {
            (Some(minor), _) => (Stage::Beta, minor),
            (_, Some(minor)) => (Stage::Alpha, minor),
            _ => return None,
        },
    };
    match number(minor)? {
        (minor, "") => Some((stage, Reverse(major), Reverse(minor))),
        _ => None,
    }
}

/// The number that `text` begins with, which does not begin with 0, and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(digits)?;
    if number.starts_with('0') {
        return None;
    }
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Kubernetes documentation ("Version priority" of CustomResourceDefinition versioning).
    #[test]
    fn versions_sort_as_the_kubernetes_documentation_sorts_them() {
        let documented =
            ["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"];
        let mut sorted = documented;
        sorted.reverse();
        sorted.sort_by(|left, right| version_order(left, right));
        assert_eq!(sorted, documented);
    }
}
