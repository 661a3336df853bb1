//! Which entry of a configuration speaks for a resource.

/// Whether one of the rules names a resource (`secrets`, `deployments.apps`): by its name, by `*.GROUP`, by `*.` for the core
/// group, by `*.*` (apiserver pkg/server/options/encryptionconfig/config.go, transformerFromOverrides; a rule that a
/// wildcard before it covers has no effect there, so that the first entry that names a resource speaks for it).
pub(super) fn names(rules: &[String], resource: &str) -> bool {
    rules.iter().any(|rule| names_it(rule, resource))
}

fn names_it(rule: &str, resource: &str) -> bool {
    let group = resource.split_once('.').map_or("", |(_, group)| group);
    match rule.strip_prefix("*.") {
        Some("*") => true,
        Some(of) => of == group,
        None => rule == resource,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_resources_as_the_apiserver_reads_them() {
        let all = ["secrets", "pods", "deployments.apps", "leases.coordination.k8s.io"];
        let named = |rule: &str| all.map(|resource| names(&[rule.to_owned()], resource));
        assert_eq!(named("secrets"), [true, false, false, false]);
        assert_eq!(named("deployments.apps"), [false, false, true, false]);
        assert_eq!(named("deployments"), [false; 4]);
        assert_eq!(named("*."), [true, true, false, false]);
        assert_eq!(named("*.apps"), [false, false, true, false]);
        assert_eq!(named("*.coordination.k8s.io"), [false, false, false, true]);
        assert_eq!(named("*.*"), [true; 4]);
        assert_eq!(named("*"), [false; 4]);
    }
}
