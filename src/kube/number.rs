//! Floating point numbers as Go prints them: the shortest digits that read back as the same number, in the notation that
//! encoding/json (encode.go, `floatEncoder`) and go-yaml v2 (encode.go, `floatv`) choose.

use std::fmt::{self, Write};

/// Digits of a finite number: `0.d1d2d3... * 10^point`.
struct Digits {
    negative: bool,
    digits: [u8; DIGITS],
    len: usize,
    point: i32,
}

/// No double needs more digits to be told from its neighbours.
const DIGITS: usize = 17;

impl Digits {
    fn of(value: f64) -> Self {
        Self::shown_as(value.is_sign_negative(), format_args!("{:e}", value.abs()))
    }

    fn shown_as(negative: bool, scientific: fmt::Arguments<'_>) -> Self {
        let mut shown = Shown::default();
        // The buffer holds every double in this notation, so nothing can fail.
        let _ = shown.write_fmt(scientific);
        let mut found = Self { negative, digits: [0; DIGITS], len: 0, point: 1 };
        let mut bytes = shown.text().bytes();
        for byte in bytes.by_ref() {
            match byte {
                b'0'..=b'9' => {
                    if let Some(digit) = found.digits.get_mut(found.len) {
                        *digit = byte;
                        found.len += 1;
                    }
                }
                b'.' => {}
                _ => break,
            }
        }
        let (mut exponent, mut below_one) = (0_i32, false);
        for byte in bytes {
            match byte {
                b'-' => below_one = true,
                digit => exponent = exponent * 10 + i32::from(digit.wrapping_sub(b'0')),
            }
        }
        found.point += if below_one { -exponent } else { exponent };
        found
    }

    fn all(&self) -> &[u8] {
        self.digits.get(..self.len).unwrap_or(&[])
    }

    fn push_sign(&self, out: &mut Vec<u8>) {
        if self.negative {
            out.push(b'-');
        }
    }

    /// Go's format `f`.
    fn push_plain(&self, out: &mut Vec<u8>) {
        self.push_sign(out);
        let all = self.all();
        match usize::try_from(self.point) {
            Ok(point) if point >= all.len() => {
                out.extend_from_slice(all);
                out.resize(out.len() + point - all.len(), b'0');
            }
            Ok(point) if point > 0 => {
                let (whole, fraction) = all.split_at(point);
                out.extend_from_slice(whole);
                out.push(b'.');
                out.extend_from_slice(fraction);
            }
            _ => {
                out.extend_from_slice(b"0.");
                out.resize(out.len() + self.point.unsigned_abs() as usize, b'0');
                out.extend_from_slice(all);
            }
        }
    }

    /// Go's format `e`, whose exponent has at least `exponent_digits`.
    fn push_scientific(&self, out: &mut Vec<u8>, exponent_digits: usize) {
        self.push_sign(out);
        if let Some((first, others)) = self.all().split_first() {
            out.push(*first);
            if !others.is_empty() {
                out.push(b'.');
                out.extend_from_slice(others);
            }
        }
        let exponent = self.exponent();
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        let mut shown = itoa::Buffer::new();
        let shown = shown.format(exponent.unsigned_abs());
        out.resize(out.len() + exponent_digits.saturating_sub(shown.len()), b'0');
        out.extend_from_slice(shown.as_bytes());
    }

    fn exponent(&self) -> i32 {
        self.point - 1
    }
}

/// What `{:e}` of a double fits into.
#[derive(Default)]
struct Shown {
    bytes: [u8; 32],
    len: usize,
}

impl Shown {
    fn text(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("")
    }
}

impl Write for Shown {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let free = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        free.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// A number in JSON: plain, but with an exponent below 1e-6 and from 1e21. What is not finite has no form in JSON: `null`.
pub(super) fn push_json(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        return out.extend_from_slice(b"null");
    }
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        // encoding/json shortens e-07 to e-7.
        return Digits::of(value).push_scientific(out, 1);
    }
    Digits::of(value).push_plain(out);
}

/// A number in YAML as kubectl prints it. kubectl passes it through JSON: what is whole there and fits into 64 bits
/// comes back as a whole number, everything else in Go's format `g`.
pub(super) fn push_yaml(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        return out.extend_from_slice(b".nan");
    }
    if value.is_infinite() {
        return out.extend_from_slice(if value > 0.0 { b".inf" } else { b"-.inf" });
    }
    if value == 0.0 {
        return out.push(b'0');
    }
    let digits = Digits::of(value);
    if value.trunc() == value && value.abs() < 1e21 {
        let start = out.len();
        digits.push_plain(out);
        let written = out.get(start..).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let whole: Option<i128> = written.and_then(|text| text.parse().ok());
        if whole.is_some_and(|whole| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&whole)) {
            return;
        }
        out.truncate(start);
    }
    push_general(out, &digits);
}

/// The number that JSON shows without point and exponent, if it is whole, as Go reads it back: an `i64`, if it fits.
pub(super) fn whole_in_json(value: f64) -> Option<i64> {
    let mut shown = Vec::new();
    push_json(&mut shown, value);
    std::str::from_utf8(&shown).ok()?.parse().ok()
}

/// A number that is the key of a map in YAML, as sigs.k8s.io/yaml makes a string of it: format `g` in single precision.
pub(super) fn key_text(value: f64) -> String {
    let mut text = Vec::new();
    #[allow(clippy::cast_possible_truncation, reason = "that is what Go does")]
    let single = value as f32;
    if single.is_nan() {
        return ".nan".to_owned();
    }
    if single.is_infinite() {
        return if single > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    push_general(&mut text, &Digits::shown_as(single.is_sign_negative(), format_args!("{:e}", single.abs())));
    String::from_utf8(text).unwrap_or_default()
}

/// Go's format `g` with the shortest digits (strconv, ftoa.go): an exponent below 1e-4 and from 1e6.
fn push_general(out: &mut Vec<u8>, digits: &Digits) {
    if (-4..6).contains(&digits.exponent()) {
        digits.push_plain(out);
    } else {
        digits.push_scientific(out, 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(push: impl Fn(&mut Vec<u8>, f64), value: f64) -> String {
        let mut out = Vec::new();
        push(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    /// Printed by Go 1.26: `json.Marshal(value)`, and what `sigs.k8s.io/yaml` 1.6 makes of that.
    #[test]
    fn floats_print_as_go_prints_them() {
        let printed = [
            (0.0, "0", "0"),
            (-0.0, "-0", "0"),
            (1.0, "1", "1"),
            (-1.0, "-1", "-1"),
            (0.5, "0.5", "0.5"),
            (1.5, "1.5", "1.5"),
            (100.0, "100", "100"),
            (1.2345675e06, "1234567.5", "1.2345675e+06"),
            (123456.5, "123456.5", "123456.5"),
            (0.1, "0.1", "0.1"),
            (0.0001, "0.0001", "0.0001"),
            (1e-05, "0.00001", "1e-05"),
            (1.5e-05, "0.000015", "1.5e-05"),
            (1e-06, "0.000001", "1e-06"),
            (9.99e-07, "9.99e-7", "9.99e-07"),
            (1e-07, "1e-7", "1e-07"),
            (1.25e-10, "1.25e-10", "1.25e-10"),
            (1e15, "1000000000000000", "1000000000000000"),
            (1e20, "100000000000000000000", "1e+20"),
            (2e20, "200000000000000000000", "2e+20"),
            (1e21, "1e+21", "1e+21"),
            (1.5e300, "1.5e+300", "1.5e+300"),
            (9.007199254740992e15, "9007199254740992", "9007199254740992"),
            (9.223372036854776e18, "9223372036854776000", "9223372036854776000"),
            (-9.223372036854776e18, "-9223372036854776000", "-9.223372036854776e+18"),
            (1.844674407370955e19, "18446744073709550000", "18446744073709550000"),
            (1.8446744073709552e19, "18446744073709552000", "1.8446744073709552e+19"),
            (1.7976931348623157e308, "1.7976931348623157e+308", "1.7976931348623157e+308"),
            (5e-324, "5e-324", "5e-324"),
            (1.23456789125e08, "123456789.125", "1.23456789125e+08"),
            (-1.234e-06, "-0.000001234", "-1.234e-06"),
            (0.3333333333333333, "0.3333333333333333", "0.3333333333333333"),
        ];
        for (value, json, yaml) in printed {
            assert_eq!(shown(push_json, value), json);
            assert_eq!(shown(push_yaml, value), yaml);
        }
    }
}
