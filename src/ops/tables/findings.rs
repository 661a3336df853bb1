//! A row for each finding of `verify`.

use super::{Cell, Noticed, Row, Tabled, TablesError, Take};
use crate::ops::finding::Finding;

pub(super) fn rows<E>(from: &Tabled<'_>, take: &mut Take<'_, E>) -> Result<Noticed, TablesError<E>> {
    let found = from.verified()?;
    let rows: Vec<Row<'_>> = found.findings.iter().map(|finding| row(from, finding)).collect();
    take(&rows).map_err(TablesError::Taker)?;
    Ok(Noticed::default())
}

fn row<'r>(from: &'r Tabled<'_>, finding: &'r Finding) -> Row<'r> {
    let some = |text: &'r str| if text.is_empty() { Cell::Null } else { Cell::text(text) };
    vec![
        Cell::text(from.name),
        Cell::text(finding.id.name()),
        Cell::text(finding.severity.name()),
        some(&finding.place),
        Cell::text(&finding.text),
        some(&finding.hint),
    ]
}
