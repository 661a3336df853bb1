//! Kubernetes' two kinds of time, as text.

use std::fmt::Write;

/// Go's zero time, 1 January of year 1, in seconds since 1970: shown as `null`.
pub const ZERO_SECONDS: i64 = -62_135_596_800;

const SECONDS_A_DAY: i64 = 86_400;

/// RFC 3339 in UTC, to the second, or with six digits after it.
pub fn write(out: &mut String, seconds: i64, micros: Option<u32>) {
    let (days, second) = (seconds.div_euclid(SECONDS_A_DAY), seconds.rem_euclid(SECONDS_A_DAY));
    let (year, month, day) = date(days);
    if let Ok(year @ 0..=9999) = u32::try_from(year) {
        for (two, before) in [(year / 100, None), (year % 100, None), (month, Some('-')), (day, Some('-'))] {
            out.extend(before);
            two_digits(out, two);
        }
    } else {
        // As Go writes such years: the sign, and at least four digits.
        let sign = if year < 0 { "-" } else { "" };
        _ = write!(out, "{sign}{:04}-{month:02}-{day:02}", year.unsigned_abs());
    }
    let second = u32::try_from(second).unwrap_or(0);
    for (two, before) in [(second / 3600, 'T'), (second / 60 % 60, ':'), (second % 60, ':')] {
        out.push(before);
        two_digits(out, two);
    }
    if let Some(micros) = micros {
        out.push('.');
        for two in [micros / 10_000, micros / 100 % 100, micros % 100] {
            two_digits(out, two);
        }
    }
    out.push('Z');
}

fn two_digits(out: &mut String, number: u32) {
    for digit in [number / 10 % 10, number % 10] {
        out.push(char::from(b'0' + digit as u8));
    }
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

    proptest! {
        #[test]
        fn a_calendar_library_agrees(seconds in -62_135_596_800i64..253_402_207_200, micros in 0u32..1_000_000) {
            let judge = jiff::Timestamp::new(seconds, 0).unwrap().to_string();
            prop_assert_eq!(text(seconds, None), judge);
            let end = format!(".{micros:06}Z");
            prop_assert!(text(seconds, Some(micros)).ends_with(&end));
        }

        #[test]
        fn no_time_is_too_far_away(seconds in any::<i64>()) {
            prop_assert!(text(seconds, None).ends_with('Z'));
        }
    }
}
