//! The page that a value came from, as hexadecimal digits: each cell begins a line, and what it is stands above it.

use super::Reader;
use crate::model::KeyId;
use crate::ops::page::{self, PageOf};
use crate::render;
use crate::tui::ask::{Syntax, Text, TextLine, Trouble};
use crate::tui::text::harmless;

/// Bytes of a line.
const LINE: usize = 16;
/// Bytes of a page that are shown at most: a leaf of bbolt may be as large as its values.
const MOST: usize = 1 << 20;

impl Reader {
    /// The page of the newest change up to a revision.
    pub(super) fn page(&self, key: KeyId, revision: i64, reveal: bool) -> Text {
        let objects = self.objects(Some(revision));
        let mut text = Text { title: self.name(&objects, key), syntax: Syntax::Hex, ..Text::default() };
        let change = self.history().changes_of(key).rfind(|change| change.revision.main <= revision);
        let found = change.map(|change| page::page_of(&self.source, change));
        let page = match found {
            Some(Ok(Some(page))) => page,
            Some(Err(damage)) => {
                let title = "the page cannot be read".to_owned();
                text.trouble = Some(Trouble { title, what: damage.to_string(), advice: Vec::new() });
                return text;
            }
            Some(Ok(None)) | None => {
                let what = "a delete of etcd has no value, and so no page to show".to_owned();
                let advice = vec!["[ in its object, or h, leads to an earlier change".to_owned()];
                text.trouble = Some(Trouble { title: "there is no value here".to_owned(), what, advice });
                return text;
            }
        };
        let is_secret = objects.is_secret(key);
        let revision = change.map_or(revision, |change| change.revision.main);
        text.notes.push(format!("revision {revision}"));
        let mut dump = Dump { page: &page, lines: Vec::new(), masked: false };
        dump.all(is_secret, reveal);
        let own = dump.lines.iter().position(|line| line.block);
        text.masked = dump.masked;
        text.start = own.unwrap_or(0).saturating_sub(3);
        text.lines = dump.lines;
        text
    }
}

struct Dump<'p> {
    page: &'p PageOf,
    lines: Vec<TextLine>,
    masked: bool,
}

impl Dump<'_> {
    fn all(&mut self, is_secret: bool, reveal: bool) {
        let page = self.page;
        let at = render::count(page.at);
        self.say(format!("{} · from byte {at} · {} cells", page.what, page.cells.len()));
        if !page.note.is_empty() {
            self.say(page.note.clone());
        }
        self.say("header and table of cells".to_owned());
        self.bytes(0, page.head, false);
        let mut end = page.head;
        for cell in &page.cells {
            self.free(end, cell.range.start, reveal);
            end = cell.range.end;
            let own = if cell.is_own { "  <- the value is in here" } else { "" };
            let size = cell.range.len();
            self.say(format!("cell {}, {size} bytes{own}", cell.number));
            let bytes = page.bytes.get(cell.range.clone()).unwrap_or_default();
            if !reveal && (cell.is_own && is_secret || may_be_secret(bytes)) {
                self.mask(cell.is_own);
            } else {
                self.bytes(cell.range.start, cell.range.end, cell.is_own);
            }
        }
        self.free(end, page.bytes.len(), reveal);
    }

    fn say(&mut self, text: String) {
        self.lines.push(TextLine { text: harmless(&text), block: false });
    }

    fn mask(&mut self, is_own: bool) {
        self.masked = true;
        self.lines.push(TextLine { text: "        (masked: it is of a Secret; x shows it)".to_owned(), block: is_own });
    }

    /// What is between the cells: remains of older ones, which nobody can tell from secrets.
    fn free(&mut self, from: usize, to: usize, reveal: bool) {
        let Some(bytes) = self.page.bytes.get(from..to).filter(|bytes| !bytes.is_empty()) else { return };
        let is_blank = bytes.iter().all(|byte| *byte == 0);
        self.say(format!("free space, {} bytes{}", bytes.len(), if is_blank { ", all zero" } else { "" }));
        match (is_blank, reveal) {
            (true, _) => {}
            (false, true) => self.bytes(from, to, false),
            (false, false) => {
                self.masked = true;
                self.say("        (masked: remains of older cells; x shows them)".to_owned());
            }
        }
    }

    fn bytes(&mut self, from: usize, to: usize, is_own: bool) {
        let to = to.min(MOST);
        let bytes = self.page.bytes.get(from..to).unwrap_or_default();
        for (number, line) in bytes.chunks(LINE).enumerate() {
            let mut hex = String::with_capacity(LINE * 3 + 1);
            for (at, byte) in line.iter().enumerate() {
                hex.push_str(&format!("{byte:02x} "));
                if at == LINE / 2 - 1 {
                    hex.push(' ');
                }
            }
            let letter = |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' };
            let letters: String = line.iter().map(letter).collect();
            let text = format!("{:06x}  {hex:<49} {letters}", from + number * LINE);
            self.lines.push(TextLine { text, block: is_own });
        }
    }
}

/// Whether a cell may be of a Secret or of bootstrap data, whatever the prefix of its key.
fn may_be_secret(bytes: &[u8]) -> bool {
    [&b"/secrets/"[..], b"/bootstrap/", b"Secret"].iter().any(|part| memchr::memmem::find(bytes, part).is_some())
}
