//! Words and numbers for people.

/// A key as text: what is not printable is escaped, so that no file can write control codes to a terminal.
pub fn key(name: &[u8]) -> String {
    match std::str::from_utf8(name) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        Ok(text) => text.escape_debug().to_string(),
        Err(_) => name.escape_ascii().to_string(),
    }
}

/// A number with its thousands apart: `1,290,272`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// So many of something: `1 lease`, `1,290 leases`.
pub fn count_of(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", count(number as u64))
}

/// A number of bytes: `2.4 MiB`.
pub fn bytes(number: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = number as f64;
    let mut unit = "B";
    for next in units {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{number} B") } else { format!("{value:.1} {unit}") }
}

/// A share from 0 to 1: `93.1 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// So many seconds: `40 s`, `12 min`, `3 h 5 min`, `2 d 4 h`.
pub fn duration(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min"),
        (1..48, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read_and_keys_are_safe_to_print() {
        assert_eq!([count(7), count(1_290_272)], ["7", "1,290,272"]);
        assert_eq!([count_of(1, "lease"), count_of(2000, "lease")], ["1 lease", "2,000 leases"]);
        assert_eq!([bytes(1023), bytes(2_516_582)], ["1023 B", "2.4 MiB"]);
        assert_eq!([percent(0.9312), duration(40), duration(725)], ["93.1 %", "40 s", "12 min"]);
        assert_eq!([duration(11_100), duration(187_200)], ["3 h 5 min", "2 d 4 h"]);
        assert_eq!(key(b"/a\x1b[31m"), "/a\\u{1b}[31m");
        assert_eq!(key(b"/\xff"), "/\\xff");
    }
}
