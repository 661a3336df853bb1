//! Long lists, rendered on all processors and printed in order.

use rayon::prelude::*;

use super::exit::{Failure, Outcome};
use super::ui::Ui;
use crate::source::Damage;

/// Lines that are rendered at once: enough to keep all processors busy, few enough to answer early.
const BATCH: usize = 4096;

/// Prints a line for each item. One whose value cannot be read is told as damage, and the others go on.
///
/// # Errors
/// [`Failure::Print`].
pub fn print<T: Sync>(
    items: &[T],
    ui: &mut Ui,
    render: impl Fn(&T) -> Result<String, Damage> + Sync,
) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::Done;
    for batch in items.chunks(BATCH) {
        let rendered: Vec<Result<String, Damage>> = batch.par_iter().map(&render).collect();
        for line in rendered {
            match line {
                Ok(line) => ui.line(line)?,
                Err(damage) => {
                    outcome = Outcome::Damaged;
                    ui.damage(&[damage]);
                }
            }
        }
    }
    Ok(outcome)
}
