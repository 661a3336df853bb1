//! Quantities (`500m`, `1Gi`) in the form that Kubernetes prints: apimachinery 0.35, pkg/api/resource (`ParseQuantity`,
//! `CanonicalizeBytes`).
//!
//! A server parses every quantity and prints it again, so what other writers wrote ("0.5") shows in another form ("500m").
//! Go keeps some texts that are not quite canonical ("+1", "1.500"); so does this.

use std::borrow::Cow;
use std::cmp::Ordering;

/// Why a text is no quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not a number with a suffix.
    #[error("a quantity is a number and a suffix, like 500m or 1Gi")]
    Format,
    /// A suffix that Kubernetes does not have.
    #[error("an unknown suffix; there are n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei, and e with an exponent")]
    Suffix,
}

/// How a quantity is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    DecimalExponent,
    DecimalSi,
    BinarySi,
}

const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
/// The exponent is that of 1024.
const BINARY: [(&str, u32); 6] = [("Ki", 1), ("Mi", 2), ("Gi", 3), ("Ti", 4), ("Pi", 5), ("Ei", 6)];
/// Smaller amounts are rounded up to this power of ten.
const NANO: i64 = -9;
/// The largest amount with a binary suffix.
const LARGEST: &[u8] = b"9223372036854775807";
/// So many digits surely fit into an `i64`.
const FITTING_DIGITS: i64 = 18;

/// The text that Kubernetes prints for a quantity.
///
/// # Errors
/// When the text is no quantity.
pub fn canonical(text: &str) -> Result<Cow<'_, str>, QuantityError> {
    let parts = Parts::of(text)?;
    let (format, exponent) = interpret(parts.suffix)?;
    if parts.is_kept(format, exponent) {
        return Ok(Cow::Borrowed(text));
    }
    let mut amount = Amount::of(&parts);
    match format {
        Format::DecimalExponent | Format::DecimalSi => amount.exponent += i64::from(exponent),
        Format::BinarySi => (0..exponent).for_each(|_| amount.multiply(1024)),
    }
    amount.round_up(NANO);
    Ok(Cow::Owned(amount.shown(format)))
}

/// A quantity taken apart.
struct Parts<'a> {
    negative: bool,
    /// Without leading zeros; at least `0`.
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Result<Self, QuantityError> {
        if text.is_empty() {
            return Err(QuantityError::Format);
        }
        let negative = text.starts_with('-');
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, rest) = split_digits(unsigned.trim_start_matches('0'));
        let whole = if whole.is_empty() { "0" } else { whole };
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), split_digits);
        let letters = suffix.trim_start_matches(['e', 'E', 'i', 'n', 'u', 'm', 'k', 'K', 'M', 'G', 'T', 'P']);
        let exponent = letters.strip_prefix(['-', '+']).unwrap_or(letters);
        if !exponent.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(QuantityError::Format);
        }
        Ok(Self { negative, whole, fraction, suffix })
    }

    /// Whether Go prints the text as it was (`ParseQuantity`, "if the number is in canonical form, reuse the string").
    fn is_kept(&self, format: Format, exponent: i32) -> bool {
        let digits = i64::try_from(self.whole.len() + self.fraction.len()).unwrap_or(i64::MAX);
        let all = || self.whole.bytes().chain(self.fraction.bytes());
        if format == Format::BinarySi {
            // 2^10 has about three digits.
            let fits = 15 - digits - i64::from(exponent) * 3 > 0;
            let value: u64 = self.whole.parse().unwrap_or(0);
            return self.fraction.is_empty() && fits && value & 7 != 0;
        }
        let scale = i64::from(exponent).saturating_sub(i64::try_from(self.fraction.len()).unwrap_or(i64::MAX));
        let ends_in_thousands = digits >= 3 && all().rev().take(3).all(|digit| digit == b'0');
        digits <= FITTING_DIGITS
            && scale >= NANO
            && scale % 3 == 0
            && !ends_in_thousands
            && !self.whole.starts_with('0')
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at_checked(digits).unwrap_or((text, ""))
}

/// The exponent of a suffix: of 10, or of 1024.
fn interpret(suffix: &str) -> Result<(Format, i32), QuantityError> {
    if let Some((_, exponent)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Ok((Format::DecimalSi, *exponent));
    }
    if let Some((_, exponent)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        return Ok((Format::BinarySi, (*exponent).cast_signed()));
    }
    let exponent: i64 =
        suffix.strip_prefix(['e', 'E']).and_then(|exponent| exponent.parse().ok()).ok_or(QuantityError::Suffix)?;
    #[allow(clippy::cast_possible_truncation, reason = "that is what Go does")]
    let exponent = exponent as i32;
    Ok((Format::DecimalExponent, exponent))
}

/// `digits * 10^exponent`, of any size. No digits are zero.
struct Amount {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Amount {
    fn of(parts: &Parts<'_>) -> Self {
        let digits = [parts.whole, parts.fraction].concat().trim_start_matches('0').as_bytes().to_vec();
        let exponent = i64::try_from(parts.fraction.len()).map_or(0, |places| -places);
        Self { negative: parts.negative, digits, exponent }
    }

    fn multiply(&mut self, factor: u32) {
        let mut carry = 0;
        for digit in self.digits.iter_mut().rev() {
            let product = u32::from(*digit - b'0') * factor + carry;
            *digit = b'0' + (product % 10) as u8;
            carry = product / 10;
        }
        let mut front = Vec::new();
        while carry > 0 {
            front.push(b'0' + (carry % 10) as u8);
            carry /= 10;
        }
        self.digits.splice(0..0, front.into_iter().rev());
    }

    /// Drops what is smaller than a power of ten, away from zero.
    fn round_up(&mut self, exponent: i64) {
        let dropped = exponent.saturating_sub(self.exponent);
        if dropped <= 0 || self.digits.is_empty() {
            return;
        }
        let kept = self.digits.len().saturating_sub(usize::try_from(dropped).unwrap_or(usize::MAX));
        let rest = self.digits.split_off(kept);
        self.exponent = exponent;
        if rest.iter().any(|digit| *digit != b'0') {
            self.increment();
        }
    }

    fn increment(&mut self) {
        for digit in self.digits.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
        self.digits.insert(0, b'1');
    }

    /// Moves zeros at the end into the exponent.
    fn shorten(&mut self) {
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
            self.exponent += 1;
        }
    }

    /// The whole number, if it is one that does not need more than 19 digits.
    fn as_whole(&self) -> Option<u64> {
        let zeros = usize::try_from(self.exponent).ok().filter(|zeros| self.digits.len() + zeros <= LARGEST.len())?;
        let digits = self.digits.iter().copied().chain(std::iter::repeat_n(b'0', zeros));
        Some(digits.fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
    }

    fn shown(mut self, format: Format) -> String {
        self.shorten();
        if self.digits.is_empty() {
            return "0".to_owned();
        }
        if format == Format::BinarySi {
            self.cap();
            if let Some(whole) = self.as_whole().filter(|whole| *whole >= 1024) {
                return self.signed(shown_binary(whole));
            }
        }
        let down = self.exponent.rem_euclid(3);
        (0..down).for_each(|_| self.digits.push(b'0'));
        let exponent = self.exponent - down;
        let number = String::from_utf8_lossy(&self.digits).into_owned();
        let suffix = match format {
            Format::DecimalExponent if exponent == 0 => String::new(),
            Format::DecimalExponent => format!("e{exponent}"),
            // Go prints no suffix at all where there is none, and so another number.
            _ => DECIMAL
                .iter()
                .find(|(_, of)| i64::from(*of) == exponent)
                .map_or_else(String::new, |(name, _)| (*name).to_owned()),
        };
        self.signed(number + &suffix)
    }

    fn cap(&mut self) {
        let len = i64::try_from(self.digits.len()).unwrap_or(i64::MAX).saturating_add(self.exponent);
        let is_larger = match len.cmp(&(LARGEST.len() as i64)) {
            Ordering::Less => false,
            Ordering::Greater => true,
            // Of equal length before the point: digits decide, and then what stands behind the point.
            Ordering::Equal => self.digits.as_slice() > LARGEST,
        };
        if is_larger {
            self.digits = LARGEST.to_vec();
            self.exponent = 0;
        }
    }

    fn signed(&self, shown: String) -> String {
        if self.negative { format!("-{shown}") } else { shown }
    }
}

fn shown_binary(mut whole: u64) -> String {
    let mut times = 0;
    while whole >= 1024 && whole.is_multiple_of(1024) {
        whole /= 1024;
        times += 1;
    }
    let suffix = BINARY.iter().find(|(_, of)| *of == times).map_or("", |(name, _)| name);
    format!("{whole}{suffix}")
}
