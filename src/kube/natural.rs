//! The order in which kubectl's YAML shows the members of a map.
//!
//! Kubernetes writes YAML with go-yaml v2 (`go.yaml.in/yaml/v2`, sorter.go): letters after other characters, runs of
//! digits by their number. Some of its answers contradict each other (`v2` before `v10`, `v10` before
//! `v1b`, `v1b` before `v2`), and kubectl itself then prints now this order, now that. So nothing here may rely on a
//! consistent order: [`sort_members`] never panics, whatever the keys are.

use super::sink::KeyOrder;
use regex::Regex;
use std::cmp::Ordering;
use std::sync::LazyLock;

static LETTER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{L}").ok());
static DIGIT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{Nd}").ok());

/// Which of two keys go-yaml v2 writes first.
pub fn compare(a: &str, b: &str) -> Ordering {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    // Most keys differ first in two letters, and then nothing else matters.
    if let (Some(a), Some(b)) = (a.as_bytes().get(same), b.as_bytes().get(same))
        && a.is_ascii_alphabetic()
        && b.is_ascii_alphabetic()
    {
        return a.cmp(b);
    }
    // Characters can share their first bytes: step back to where both begin.
    let start = (0..=same).rev().find(|&at| a.is_char_boundary(at) && b.is_char_boundary(at)).unwrap_or(0);
    let (head, rest_of_a) = a.split_at_checked(start).unwrap_or(("", a));
    let rest_of_b = b.get(start..).unwrap_or(b);
    let (Some(first_of_a), Some(first_of_b)) = (rest_of_a.chars().next(), rest_of_b.chars().next()) else {
        return rest_of_a.len().cmp(&rest_of_b.len());
    };
    match (is_letter(first_of_a), is_letter(first_of_b)) {
        (true, true) => first_of_a.cmp(&first_of_b),
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            // A zero counts as a digit of the number before it, if there is one; else it only leads.
            let carried = (first_of_a == '0' || first_of_b == '0') && ends_with_number(head);
            let run_of_a = DigitRun::at_start(rest_of_a, carried);
            let run_of_b = DigitRun::at_start(rest_of_b, carried);
            run_of_a.cmp(&run_of_b).then(first_of_a.cmp(&first_of_b))
        }
    }
}

/// Puts the members of an object in order by their keys. Members with equal keys stay as they stood.
pub fn sort_members<'a, T: Copy>(members: &mut [T], order: KeyOrder, key: impl Fn(&T) -> &'a str) {
    match order {
        KeyOrder::Bytes => members.sort_by(|a, b| key(a).cmp(key(b))),
        KeyOrder::Natural => merge_sort(members, &|a, b| compare(key(a), key(b)) != Ordering::Greater),
    }
}

/// Whether members already stand in order by their keys; no two may be equal.
pub fn is_sorted<'a>(order: KeyOrder, mut keys: impl Iterator<Item = &'a str>) -> bool {
    let Some(mut last) = keys.next() else { return true };
    keys.all(|key| {
        let before = std::mem::replace(&mut last, key);
        match order {
            KeyOrder::Bytes => before < key,
            KeyOrder::Natural => compare(before, key) == Ordering::Less,
        }
    })
}

/// The standard library's sort may panic where an order contradicts itself; merging cannot.
fn merge_sort<T: Copy>(items: &mut [T], in_order: &impl Fn(&T, &T) -> bool) {
    if items.len() < 2 {
        return;
    }
    let (left, right) = items.split_at_mut(items.len() / 2);
    merge_sort(left, in_order);
    merge_sort(right, in_order);
    if left.last().zip(right.first()).is_none_or(|(last, first)| in_order(last, first)) {
        return;
    }
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut from_left, mut from_right) = (left.iter().peekable(), right.iter().peekable());
    while let (Some(one), Some(other)) = (from_left.peek(), from_right.peek()) {
        merged.extend(if in_order(one, other) { from_left.next() } else { from_right.next() });
    }
    merged.extend(from_left);
    merged.extend(from_right);
    items.copy_from_slice(&merged);
}

/// The number that a text begins with, computed with Go's wrapping arithmetic, and then how many digits it has.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct DigitRun {
    number: i64,
    digits: usize,
}

impl DigitRun {
    fn at_start(text: &str, carried: bool) -> Self {
        let digits = text.chars().take_while(|c| is_digit(*c));
        digits.fold(Self { number: i64::from(carried), digits: 0 }, |run, digit| {
            let worth = i64::from(u32::from(digit)) - i64::from(u32::from('0'));
            Self { number: run.number.wrapping_mul(10).wrapping_add(worth), digits: run.digits.saturating_add(1) }
        })
    }
}

/// Whether the digits at the end of `head` are a number other than zero.
fn ends_with_number(head: &str) -> bool {
    head.chars().rev().take_while(|c| is_digit(*c)).any(|c| c != '0')
}

/// Go's `unicode.IsLetter`: category L. Rust's `is_alphabetic` takes in more.
fn is_letter(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphabetic() } else { has_category(&LETTER, c) }
}

/// Go's `unicode.IsDigit`: category Nd.
fn is_digit(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_digit() } else { has_category(&DIGIT, c) }
}

fn has_category(category: &Option<Regex>, c: char) -> bool {
    category.as_ref().is_some_and(|pattern| pattern.is_match(c.encode_utf8(&mut [0; 4])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// For each key what stands between it and every key of the list, in the list's order. Each pair is the order in which
    /// `yaml.Marshal` of go.yaml.in/yaml/v2 2.4.5 wrote a map of these two keys.
    #[rustfmt::skip]
    const BY_GO: [(&str, &str); 48] = [
        ("$schema", "=<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<>"),
        ("A", ">=<><<<<<>>>>><<<<<<<<<<<<<<<<<<<<<>><<<<<<><>>>"),
        ("Z", ">>=><<<<<>>>>><<<<<<<<<<<<<<<<<<<<<>><<<<<<><>>>"),
        ("_", "><<=<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<>"),
        ("a", ">>>>=<<<<>>>>><<<<<<<<<<<<<<<<<<<<<>><<<<<<><>>>"),
        ("a-", ">>>>>=<<<>>>>><<<<<<<<<<<<<<<<<<<<<>><<<<<<><>>>"),
        ("a.b", ">>>>>>=<<>>>>><<<<<<<<<<<<<<<<<<<<<>><<<<<<><>>>"),
        ("aB", ">>>>>>>=<>>>>>>>>>>>>>>>><<<<<<<<<<>>>><>>>><>>>"),
        ("ab", ">>>>>>>>=>>>>>>>>>>>>>>>><<<<<<<<<<>>>><>>>><>>>"),
        ("0", "><<><<<<<=<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<><<<>"),
        ("00", "><<><<<<<>=<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<><<<>"),
        ("1", "><<><<<<<>>=<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<><<<>"),
        ("9", "><<><<<<<>>>=<<<<<<<<<<<<<<<<<<<<<<<><<<<<<><<<<"),
        ("10", "><<><<<<<>>>>=<<<<<<<<<<<<<<<<<<<<<<><<<<<<><<<>"),
        ("a0", ">>>>>>><<>>>>>=<<<<<<<<<<<<<<<<<<<<>><<<>>>><>>>"),
        ("a00", ">>>>>>><<>>>>>>=<<<<<<<<<<<<<<<<<<<>><<<>>>><>>>"),
        ("a1", ">>>>>>><<>>>>>>>=<<<<<<<<<<<<<<<<<<>><<<>>>><>>>"),
        ("a01", ">>>>>>><<>>>>>>>>=<<<><>><<<<<<<<<<>><<<>>>><>>>"),
        ("a001", ">>>>>>><<>>>>>>>>>=<<><>><<<<<<<<<<>><<<>>>><>>>"),
        ("a2", ">>>>>>><<>>>>>>>>>>=<><>><<<<<<<<<<>><<<>>>><>>>"),
        ("a10", ">>>>>>><<>>>>>>>>>>>=<<>><<<<<<<<<<>><><>>>><>>>"),
        ("a1b", ">>>>>>><<>>>>>>>><<<>=>>><<<<<<<<<<>><<<>>>><>>>"),
        ("a10b", ">>>>>>><<>>>>>>>>>>>><=>><<<<<<<<<<>><><>>>><>>>"),
        ("a1-", ">>>>>>><<>>>>>>>><<<<<<=<<<<<<<<<<<>><<<>>>><>>>"),
        ("a1.5", ">>>>>>><<>>>>>>>><<<<<<>=<<<<<<<<<<>><<<>>>><>>>"),
        ("x10", ">>>>>>>>>>>>>>>>>>>>>>>>>=<<<><>><<>>>>>>>>><>>>"),
        ("x010", ">>>>>>>>>>>>>>>>>>>>>>>>>>=<><>>><<>>>>>>>>><>>>"),
        ("x100", ">>>>>>>>>>>>>>>>>>>>>>>>>>>=<><>><<>>>>>>>>><>>>"),
        ("x1y2", ">>>>>>>>>>>>>>>>>>>>>>>>>><>=<<>><<>>>>>>>>><>>>"),
        ("x01y2", ">>>>>>>>>>>>>>>>>>>>>>>>><><>=>>><<>>>>>>>>><>>>"),
        ("x1y10", ">>>>>>>>>>>>>>>>>>>>>>>>>><>><=>><<>>>>>>>>><>>>"),
        ("v1alpha1", ">>>>>>>>>>>>>>>>>>>>>>>>><<<<<<=><<>>>>>>>>><>>>"),
        ("v10", ">>>>>>>>>>>>>>>>>>>>>>>>><<<<<<<=<<>>>>>>>>><>>>"),
        ("é", ">>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>=>>>>>>>>>><>>>"),
        ("z", ">>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>><=>>>>>>>>><>>>"),
        ("٣", "><<><<<<<>>>>><<<<<<<<<<<<<<<<<<<<<=><<<<<<><<<>"),
        ("3", "><<><<<<<>>><<<<<<<<<<<<<<<<<<<<<<<<=<<<<<<><<<>"),
        ("a٣", ">>>>>>><<>>>>>>>>>>>>>>>><<<<<<<<<<>>=><>>>><>>>"),
        ("a3", ">>>>>>><<>>>>>>>>>>><><>><<<<<<<<<<>><=<>>>><>>>"),
        ("aª", ">>>>>>>>>>>>>>>>>>>>>>>>><<<<<<<<<<>>>>=>>>><>>>"),
        ("a²", ">>>>>>><<>>>>><<<<<<<<<<<<<<<<<<<<<>><<<=<<><>>>"),
        ("aⅷ", ">>>>>>><<>>>>><<<<<<<<<<<<<<<<<<<<<>><<<>=>><>>>"),
        ("a\u{345}", ">>>>>>><<>>>>><<<<<<<<<<<<<<<<<<<<<>><<<><=><>>>"),
        ("😀", "><<><<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<=<<<>"),
        ("日", ">>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>=>>>"),
        ("99999999999999999999", "><<><<<<<>>>>><<<<<<<<<<<<<<<<<<<<<>><<<<<<><=<<"),
        ("100000000000000000000", "><<><<<<<>>>>><<<<<<<<<<<<<<<<<<<<<>><<<<<<><>=>"),
        ("9223372036854775808", "<<<<<<<<<<<<><<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<><="),
    ];

    #[test]
    fn two_keys_stand_as_go_yaml_writes_them() {
        for (a, row) in BY_GO {
            for ((b, _), sign) in BY_GO.iter().zip(row.chars()) {
                let expected = match sign {
                    '<' => Ordering::Less,
                    '>' => Ordering::Greater,
                    _ => Ordering::Equal,
                };
                assert_eq!(compare(a, b), expected, "{a} {b}");
            }
        }
    }

    #[test]
    fn members_are_put_in_order() {
        let mut keys = vec!["kind", "a10", "apiVersion", "a2", "-", "a1"];
        sort_members(&mut keys, KeyOrder::Natural, |key| key);
        assert_eq!(keys, ["-", "a1", "a2", "a10", "apiVersion", "kind"]);
        assert!(is_sorted(KeyOrder::Natural, keys.iter().copied()));
        assert!(!is_sorted(KeyOrder::Bytes, keys.iter().copied()));
        sort_members(&mut keys, KeyOrder::Bytes, |key| key);
        assert_eq!(keys, ["-", "a1", "a10", "a2", "apiVersion", "kind"]);
        assert!(is_sorted(KeyOrder::Bytes, keys.iter().copied()));
        assert!(!is_sorted(KeyOrder::Bytes, ["a", "a"].into_iter()));
    }

    proptest! {
        #[test]
        fn no_keys_make_it_panic(mut keys in prop::collection::vec("[a-c0-9.٣é-]{0,24}", 0..80)) {
            let mut all: Vec<&str> = keys.iter().map(String::as_str).collect();
            sort_members(&mut all, KeyOrder::Natural, |key| key);
            let mut sorted: Vec<String> = all.into_iter().map(str::to_owned).collect();
            sorted.sort();
            keys.sort();
            prop_assert_eq!(sorted, keys);
        }

        #[test]
        fn the_order_of_two_keys_is_the_reverse_of_the_other_two(a in "[a-c0-9.٣é-]{0,8}", b in "[a-c0-9.٣é-]{0,8}") {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        }
    }
}
