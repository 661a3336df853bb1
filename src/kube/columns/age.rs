//! How long ago something was, in kubectl's few letters.

use jiff::Timestamp;

/// The time between two moments as kubectl prints ages.
pub(super) fn between(since: Timestamp, now: Timestamp) -> String {
    // Both lie within jiff's range of years, so the difference in nanoseconds fits.
    human_duration(now.as_nanosecond() - since.as_nanosecond())
}

const SECOND: i128 = 1_000_000_000;
const MINUTE: i128 = 60;
const HOUR: i128 = 3600;
const DAY: i128 = 24 * HOUR;
const YEAR: i128 = 365 * DAY;

/// A duration in nanoseconds with two or three figures: `59s`, `2m5s`, `3h20m`, `47h`, `5d6h`, `2y34d`. Durations below
/// zero by up to two seconds are `0s`, as clocks differ; others are `<invalid>` (apimachinery
/// pkg/util/duration/duration.go, HumanDuration).
pub fn human_duration(nanoseconds: i128) -> String {
    let seconds = nanoseconds / SECOND;
    let (minutes, hours, days) = (seconds / MINUTE, seconds / HOUR, seconds / DAY);
    match seconds {
        ..=-2 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => parts(minutes, "m", seconds % MINUTE, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => parts(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => parts(days, "d", hours % 24, "h"),
        _ if seconds < 2 * YEAR => format!("{days}d"),
        _ if seconds < 8 * YEAR => parts(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

/// The smaller part is left out when it is 0.
fn parts(large: i128, large_unit: &str, small: i128, small_unit: &str) -> String {
    match small {
        0 => format!("{large}{large_unit}"),
        small => format!("{large}{large_unit}{small}{small_unit}"),
    }
}
