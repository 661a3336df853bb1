//! Large tables, filtered and sorted: on processors of their own, since the checks of the whole file may hold all others.

use std::sync::OnceLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::errand::Errand;
use crate::tui::ask::{Answer, Arrange, Arranged};
use crate::tui::state::arranged_behind;

/// Filters and sorts; the answer of what was given up is not looked at.
pub(super) fn arrange(wanted: &Arrange, errand: &Errand) -> Answer {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    let pool = POOL.get_or_init(|| ThreadPoolBuilder::new().thread_name(|_| "arrange".to_owned()).build().ok());
    let goes_on = || errand.goes_on();
    let arrange = || arranged_behind(&wanted.rows, &wanted.manner, wanted.target.as_ref(), &goes_on);
    let arranged = match pool {
        Some(pool) => pool.install(arrange),
        None => arrange(),
    };
    Answer::Arranged(arranged.unwrap_or_else(Arranged::default))
}
