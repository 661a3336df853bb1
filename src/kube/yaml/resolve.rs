//! What a plain scalar means: the rules of go-yaml v2 (resolve.go), which are nearly those of YAML 1.1.

use std::borrow::Cow;

/// What go-yaml makes of a plain scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    /// A whole number beyond `i64`.
    Large(u64),
    /// May be infinite or not a number.
    Float(f64),
    /// Decoded as the string it is, but never written without quotes.
    Timestamp,
    Text,
}

/// Whether a string may be written without quotes: it means nothing else, neither to go-yaml nor to parsers that still
/// know numbers to the base of 60 (encode.go, `stringv`).
pub(super) fn stays_text(text: &str) -> bool {
    match text.as_bytes().first() {
        None => false,
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~') => word(text).is_none(),
        Some(b'.') => resolve(text) == Resolved::Text,
        Some(b'0'..=b'9' | b'+' | b'-') => resolve(text) == Resolved::Text && !is_base_60(text),
        Some(_) => true,
    }
}

/// What a plain scalar means.
pub(super) fn resolve(text: &str) -> Resolved {
    match text.as_bytes().first() {
        None | Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~') => {
            word(text).unwrap_or(Resolved::Text)
        }
        Some(b'.') => word(text).or_else(|| go_float(text)).unwrap_or(Resolved::Text),
        Some(b'0'..=b'9' | b'+' | b'-') => {
            word(text).or_else(|| timestamp(text)).or_else(|| number(text)).unwrap_or(Resolved::Text)
        }
        Some(_) => Resolved::Text,
    }
}

fn word(text: &str) -> Option<Resolved> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Resolved::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Resolved::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Resolved::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Resolved::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Resolved::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Resolved::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

/// A scalar that begins with a digit or a sign: whole numbers in Go's notation for literals, with `_` anywhere; floats.
fn number(text: &str) -> Option<Resolved> {
    let plain = if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { Cow::Borrowed(text) };
    whole(&plain).or_else(|| yaml_float(&plain)).or_else(|| signed_behind_prefix(&plain))
}

fn whole(text: &str) -> Option<Resolved> {
    let (sign, digits) = split_sign(text);
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, digits.get(2..)?),
        [b'0', b'b' | b'B', _, ..] => (2, digits.get(2..)?),
        [b'0', b'o' | b'O', _, ..] => (8, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    in_range(sign, magnitude(digits, radix)?)
}

fn split_sign(text: &str) -> (Option<char>, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (Some('-'), rest),
        None => text.strip_prefix('+').map_or((None, text), |rest| (Some('+'), rest)),
    }
}

/// `None` also when it is too large.
fn magnitude(digits: &str, radix: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.chars().try_fold(0_u64, |value, digit| {
        let digit = digit.to_digit(radix)?;
        value.checked_mul(radix.into())?.checked_add(digit.into())
    })
}

fn in_range(sign: Option<char>, magnitude: u64) -> Option<Resolved> {
    match sign {
        Some('-') => 0_i64.checked_sub_unsigned(magnitude).map(Resolved::Int),
        Some(_) => i64::try_from(magnitude).ok().map(Resolved::Int),
        None => Some(i64::try_from(magnitude).map_or(Resolved::Large(magnitude), Resolved::Int)),
    }
}

/// go-yaml hands what stands behind `0b` to a parser that takes a sign.
fn signed_behind_prefix(text: &str) -> Option<Resolved> {
    let (sign, digits) = split_sign(text.strip_prefix("0b")?);
    in_range(sign, magnitude(digits, 2)?)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, unless it is too large.
fn yaml_float(text: &str) -> Option<Resolved> {
    let (_, unsigned) = split_sign(text);
    let (whole, rest) = split_digits(unsigned);
    let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), split_digits);
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let (digits, rest) = split_digits(split_sign(exponent).1);
        if digits.is_empty() || !rest.is_empty() {
            return None;
        }
    } else if !rest.is_empty() {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite()).map(Resolved::Float)
}

fn split_digits(text: &str) -> (&str, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at_checked(digits).unwrap_or((text, ""))
}

/// What begins with a point goes to Go's `ParseFloat`, which takes `_` between two digits.
fn go_float(text: &str) -> Option<Resolved> {
    if !text.contains('_') {
        return yaml_float(text);
    }
    let bytes = text.as_bytes();
    let lonely = bytes.iter().enumerate().any(|(at, byte)| {
        let is_digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        *byte == b'_' && !(is_digit(at.checked_sub(1)) && is_digit(at.checked_add(1)))
    });
    if lonely { None } else { yaml_float(&text.replace('_', "")) }
}

/// `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`
fn is_base_60(text: &str) -> bool {
    let (_, unsigned) = split_sign(text);
    let (sexagesimal, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut places = sexagesimal.split(':');
    let first = places.next().unwrap_or_default();
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let mut count = 0_usize;
    let others = places.all(|place| {
        count += 1;
        matches!(place.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
    });
    others
        && count > 0
        && first.starts_with(|first: char| first.is_ascii_digit())
        && is_number(first)
        && is_number(fraction)
}

/// The formats of dates that go-yaml knows (resolve.go, `parseTimestamp`), read as Go's `time.Parse` reads them.
fn timestamp(text: &str) -> Option<Resolved> {
    let mut rest = Rest { bytes: text.as_bytes() };
    let (year, after) = split_digits(text);
    if year.len() != 4 || !after.starts_with('-') {
        return None;
    }
    rest.skip(4);
    let year: u32 = year.parse().ok()?;
    rest.literal(b'-')?;
    let month = rest.number().filter(|month| (1..=12).contains(month))?;
    rest.literal(b'-')?;
    let day = rest.number()?;
    let found = match rest.bytes.first() {
        None => Some(()),
        Some(b'T' | b't') => {
            rest.skip(1);
            rest.clock().and_then(|()| rest.zone())
        }
        Some(b' ') => {
            while rest.literal(b' ').is_some() {}
            rest.clock()
        }
        Some(_) => None,
    };
    found?;
    let exists = (1..=days_in(month, year)).contains(&day);
    (exists && rest.bytes.is_empty()).then_some(Resolved::Timestamp)
}

fn days_in(month: u32, year: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

struct Rest<'a> {
    bytes: &'a [u8],
}

impl Rest<'_> {
    fn skip(&mut self, count: usize) {
        self.bytes = self.bytes.get(count..).unwrap_or(&[]);
    }

    fn literal(&mut self, byte: u8) -> Option<()> {
        if self.bytes.first() != Some(&byte) {
            return None;
        }
        self.skip(1);
        Some(())
    }

    /// One digit or two.
    fn number(&mut self) -> Option<u32> {
        let digit = |byte: Option<&u8>| byte.filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0'));
        let first = digit(self.bytes.first())?;
        let second = digit(self.bytes.get(1));
        self.skip(if second.is_some() { 2 } else { 1 });
        Some(second.map_or(first, |second| first * 10 + second))
    }

    fn clock(&mut self) -> Option<()> {
        self.number().filter(|hour| *hour < 24)?;
        self.literal(b':')?;
        self.number().filter(|minute| *minute < 60)?;
        self.literal(b':')?;
        self.number().filter(|second| *second < 60)?;
        if let [b'.' | b',', b'0'..=b'9', ..] = self.bytes {
            let digits = self.bytes.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
            self.skip(digits + 1);
        }
        Some(())
    }

    /// `Z`, or an offset with two digits each; Go lets 24 hours and 60 minutes pass.
    fn zone(&mut self) -> Option<()> {
        if self.literal(b'Z').is_some() {
            return Some(());
        }
        let [b'+' | b'-', offset @ ..] = self.bytes else { return None };
        let mut offset = Rest { bytes: offset };
        let (colon, two) = (offset.bytes.get(2), [0, 1, 3, 4].map(|at| offset.bytes.get(at)));
        if colon != Some(&b':') || !two.iter().all(|byte| byte.is_some_and(u8::is_ascii_digit)) {
            return None;
        }
        offset.number().filter(|hours| *hours <= 24)?;
        offset.skip(1);
        offset.number().filter(|minutes| *minutes <= 60)?;
        self.skip(6);
        Some(())
    }
}
