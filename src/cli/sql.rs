//! `kinescope sql`

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use super::exit::{Failure, Outcome};
use super::export::{ContentArgs, Sources};
use super::opening::OpeningArgs;
use super::ui::Ui;
use crate::ops::sql::{self, Take, Value};
use crate::ops::tables::Noticed;
use crate::render::{self, SqlTable};

/// Rows that decide how wide the columns of a table are.
const FIRST: usize = 1000;

/// Answer a query in SQL over the tables that `export` writes
#[derive(Debug, clap::Args)]
#[command(override_usage = "kinescope sql [OPTIONS] <PATH>... <QUERY>")]
#[command(after_help = "\
Examples:
  kinescope sql state.db 'select resource, count(*), sum(value_size) from revisions group by 1 order by 3 desc'
  kinescope sql snapshot \"select namespace, name from objects where object ->> '$.spec.replicas' = 0\"
  kinescope sql a.db b.db 'select store, kind, count(*) from objects group by 1, 2' --csv
  kinescope sql state.db 'select * from owners where owner_key is null'

The tables are stores, revisions, objects, owners and findings; docs/export.md has their columns, and SQLite's documentation \
its SQL. Only the tables and columns that the query names are made. Exit codes: 0 answered; 2 it cannot be; 3 answered, and a \
store is damaged.")]
pub struct Args {
    /// The stores to read, as in every command, and behind them the query, in SQLite's SQL
    // One argument for both, so that options may stand between them.
    #[arg(value_name = "PATH|QUERY", required = true, num_args = 1..)]
    words: Vec<PathBuf>,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    content: ContentArgs,
    #[command(flatten)]
    opening: OpeningArgs,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let (paths, query) = match args.words.split_last() {
        Some((query, paths)) if !paths.is_empty() => (paths, query.to_string_lossy()),
        _ => return Err(Failure::Usage("a PATH and behind it a QUERY are needed".to_owned())),
    };
    let sources = Sources::new(paths, None, &args.opening, &args.content)?;
    let asked = sql::Query::new(&query)?;
    let mut noticed = Noticed::default();
    let outcome = sources.each(ui, &mut |store, _| {
        noticed.append(asked.store(store)?);
        Ok(())
    })?;
    let mut answer = Answer { csv: args.csv, names: Vec::new(), table: None, first: Vec::new(), ui };
    asked.answer(&mut answer)?;
    answer.begin_table()?;
    if noticed.locked > 0 {
        ui.note(format!(
            "{} objects stayed encrypted: the column problem says which key is needed",
            render::count(noticed.locked)
        ));
    }
    ui.damage(&noticed.damage);
    Ok(if noticed.damage.is_empty() { outcome } else { Outcome::Damaged })
}

/// Prints an answer.
struct Answer<'u> {
    csv: bool,
    names: Vec<String>,
    /// Of a table, once its columns' widths are known.
    table: Option<SqlTable>,
    /// The rows that are kept until then.
    first: Vec<Vec<Value>>,
    ui: &'u mut Ui,
}

impl Answer<'_> {
    fn is_table(&self) -> bool {
        !self.csv && !self.ui.json()
    }

    fn begin_table(&mut self) -> io::Result<()> {
        if self.table.is_some() || !self.is_table() {
            return Ok(());
        }
        let first = std::mem::take(&mut self.first);
        let table = SqlTable::new(&self.names, &first);
        self.ui.line(table.heading(&self.names))?;
        first.iter().try_for_each(|row| self.ui.line(table.row(row)))?;
        self.table = Some(table);
        Ok(())
    }

    /// CSV as it is, but for a terminal, which would obey control characters.
    fn csv(&mut self, line: &str) -> io::Result<()> {
        if io::stdout().is_terminal() { self.ui.text(line) } else { self.ui.raw(line.as_bytes()) }
    }
}

impl Take for Answer<'_> {
    fn columns(&mut self, names: &[String]) -> io::Result<()> {
        self.names = names.to_vec();
        if self.csv { self.csv(&render::sql_csv_heading(names)) } else { Ok(()) }
    }

    fn row(&mut self, row: Vec<Value>) -> io::Result<()> {
        if self.csv {
            return self.csv(&render::sql_csv(&row));
        }
        if self.ui.json() {
            return self.ui.line(render::sql_json(&self.names, &row));
        }
        match &self.table {
            Some(table) => self.ui.line(table.row(&row)),
            None => {
                self.first.push(row);
                if self.first.len() >= FIRST { self.begin_table() } else { Ok(()) }
            }
        }
    }
}
