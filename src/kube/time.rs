//! Kubernetes' two kinds of time, as text and back.

use std::fmt::Write;

/// Go's zero time, 1 January of year 1, in seconds since 1970: shown as `null`.
pub const ZERO_SECONDS: i64 = -62_135_596_800;

const SECONDS_A_DAY: i64 = 86_400;

/// RFC 3339 in UTC, to the second, or with six digits after it.
pub fn write(out: &mut String, seconds: i64, micros: Option<u32>) {
    let (days, second) = (seconds.div_euclid(SECONDS_A_DAY), seconds.rem_euclid(SECONDS_A_DAY));
    let (year, month, day) = date(days);
    let second = second as u32;
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let mut put = |at: usize, number: u32| {
        if let Some([tens, ones]) = text.get_mut(at..at + 2) {
            (*tens, *ones) = (b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8);
        }
    };
    for (at, number) in [(5, month), (8, day), (11, second / 3600), (14, second / 60 % 60), (17, second % 60)] {
        put(at, number);
    }
    let mut start = 0;
    if let Ok(year @ 0..=9999) = u32::try_from(year) {
        put(0, year / 100);
        put(2, year % 100);
    } else {
        // As Go writes such years: the sign, and at least four digits.
        let sign = if year < 0 { "-" } else { "" };
        _ = write!(out, "{sign}{:04}", year.unsigned_abs());
        start = 4;
    }
    let mut end = 19;
    if let Some(micros) = micros {
        for (at, number) in [(20, micros / 10_000), (22, micros / 100), (24, micros)] {
            put(at, number);
        }
        end = 26;
    }
    out.push_str(text.get(start..end).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default());
    out.push('Z');
}

/// Year, month and day of a day counted from 1 January 1970, in the Gregorian calendar of all times.
fn date(days: i64) -> (i64, u32, u32) {
    // Count from 1 March of year 0: leap days are then the last days of their years.
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Five months from March on have 153 days, over and over.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month as u32, day as u32)
}

/// Seconds since 1970 and nanoseconds of a time as RFC 3339 writes it, which is what Kubernetes takes.
pub fn read(text: &str) -> Option<(i64, u32)> {
    let bytes = text.as_bytes();
    let number = |at: usize, digits: usize| -> Option<i64> {
        let digits = bytes.get(at..at.checked_add(digits)?)?;
        digits.iter().try_fold(0, |number, digit| Some(number * 10 + i64::from(decimal(*digit)?)))
    };
    for (at, sign) in [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')] {
        (*bytes.get(at)? == sign).then_some(())?;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let valid = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    (valid && hour < 24 && minute < 60 && second < 60).then_some(())?;
    let mut at = 19;
    let mut nanos = 0;
    if bytes.get(at) == Some(&b'.') {
        let digits = bytes.get(at + 1..)?.iter().map_while(|byte| decimal(*byte));
        let count = digits.clone().count();
        (count > 0).then_some(())?;
        // Beyond nanoseconds Go drops them.
        nanos = digits.chain(std::iter::repeat(0)).take(9).fold(0, |nanos, digit| nanos * 10 + digit);
        at += 1 + count;
    }
    let offset = match bytes.get(at)? {
        b'Z' => 0,
        sign @ (b'+' | b'-') => {
            let (hours, minutes) = (number(at + 1, 2)?, number(at + 4, 2)?);
            (hours < 24 && minutes < 60 && *bytes.get(at + 3)? == b':').then_some(())?;
            at += 5;
            (hours * 3600 + minutes * 60) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    (bytes.len() == at + 1).then_some(())?;
    Some((day_number(year, month, day) * SECONDS_A_DAY + hour * 3600 + minute * 60 + second - offset, nanos))
}

fn decimal(byte: u8) -> Option<u32> {
    byte.is_ascii_digit().then(|| u32::from(byte - b'0'))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1 January 1970 to a day of the years 0 to 9999.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let (year, month_from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month_from_march + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(seconds: i64, micros: Option<u32>) -> String {
        let mut out = String::new();
        write(&mut out, seconds, micros);
        out
    }

    /// Each as Go's `time.Unix(seconds, 0).UTC().Format(time.RFC3339)` wrote it.
    #[test]
    fn times_are_written_as_go_writes_them() {
        assert_eq!(text(0, None), "1970-01-01T00:00:00Z");
        assert_eq!(text(1_783_000_000, Some(42)), "2026-07-02T13:46:40.000042Z");
        assert_eq!(text(951_782_399, None), "2000-02-28T23:59:59Z");
        assert_eq!(text(951_782_400, None), "2000-02-29T00:00:00Z");
        assert_eq!(text(ZERO_SECONDS, None), "0001-01-01T00:00:00Z");
        assert_eq!(text(ZERO_SECONDS - 366 * 86_400 - 1, None), "-0001-12-31T23:59:59Z");
        assert_eq!(text(253_402_300_800, None), "10000-01-01T00:00:00Z");
    }

    #[test]
    fn times_are_read_as_strictly_as_rfc_3339_is() {
        assert_eq!(read("1970-01-01T00:00:00Z"), Some((0, 0)));
        assert_eq!(read("2026-07-02T15:46:40.000042+02:00"), Some((1_783_000_000, 42_000)));
        assert_eq!(read("0001-01-01T00:00:00Z"), Some((ZERO_SECONDS, 0)));
        assert_eq!(read("9999-12-31T23:59:59.9999999999Z"), Some((253_402_300_799, 999_999_999)));
        for wrong in [
            "",
            "2026",
            "2026-07-02",
            "2026-07-02 13:46:40Z",
            "2026-07-02t13:46:40Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-07-02T24:00:00Z",
            "2026-07-02T13:46:60Z",
            "2026-07-02T13:46:40",
            "2026-07-02T13:46:40.Z",
            "2026-07-02T13:46:40Z ",
            "2026-07-02T13:46:40+0200",
            "2026-07-02T13:46:40+02:0é",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in -62_135_596_800i64..253_402_300_800, micros in 0u32..1_000_000) {
            prop_assert_eq!(read(&text(seconds, Some(micros))), Some((seconds, micros * 1000)));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9T:Z.+é-]{0,40}") {
            _ = read(&text);
        }

        #[test]
        fn a_calendar_library_agrees(seconds in -62_135_596_800i64..253_402_207_200, micros in 0u32..1_000_000) {
            let judge = jiff::Timestamp::new(seconds, 0).unwrap().to_string();
            prop_assert_eq!(&text(seconds, None), &judge);
            let judge = judge.replace('Z', &format!(".{micros:06}Z"));
            prop_assert_eq!(text(seconds, Some(micros)), judge);
        }

        #[test]
        fn no_time_is_too_far_away(seconds in any::<i64>()) {
            prop_assert!(text(seconds, None).ends_with('Z'));
        }
    }
}
