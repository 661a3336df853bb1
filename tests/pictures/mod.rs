//! A screen of a terminal as SVG: each cell where it stands, in the colours of the theme.

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

/// Columns and lines of a cell, in pixels.
const CELL: (f64, f64) = (8.4, 17.0);
const MARGIN: f64 = 10.0;

/// What the sixteen colours are, and what stands where none is asked for.
pub struct Palette {
    pub background: &'static str,
    pub foreground: &'static str,
    colours: [&'static str; 16],
}

pub const DARK: Palette = Palette {
    background: "#16181d",
    foreground: "#d6d9e0",
    colours: [
        "#16181d", "#d2555a", "#7fb55f", "#d6a84a", "#5b8dd9", "#b574c4", "#4fb0b8", "#c4c8d0", "#7a8190", "#f0787d",
        "#9ad07a", "#f0c56a", "#7fabf0", "#d294e0", "#6fd0d8", "#ffffff",
    ],
};

impl Palette {
    fn of(&self, colour: Color, otherwise: &'static str) -> &'static str {
        let at = match colour {
            Color::Black => 0,
            Color::Red => 1,
            Color::Green => 2,
            Color::Yellow => 3,
            Color::Blue => 4,
            Color::Magenta => 5,
            Color::Cyan => 6,
            Color::Gray => 7,
            Color::DarkGray => 8,
            Color::LightRed => 9,
            Color::LightGreen => 10,
            Color::LightYellow => 11,
            Color::LightBlue => 12,
            Color::LightMagenta => 13,
            Color::LightCyan => 14,
            Color::White => 15,
            _ => return otherwise,
        };
        self.colours[at]
    }

    /// What is drawn, and behind it.
    fn pair(&self, cell: &Cell) -> (&'static str, &'static str) {
        let pair = (self.of(cell.fg, self.foreground), self.of(cell.bg, self.background));
        if cell.modifier.contains(Modifier::REVERSED) { (pair.1, pair.0) } else { pair }
    }
}

pub fn svg(buffer: &Buffer, palette: &Palette, title: &str) -> String {
    let area = buffer.area;
    let (width, height) = (f64::from(area.width) * CELL.0, f64::from(area.height) * CELL.1);
    let mut out = String::new();
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0} {:.0}\" font-family=\"ui-monospace, 'DejaVu Sans Mono', \
         Menlo, Consolas, monospace\" font-size=\"14\" role=\"img\"><title>{}</title>",
        width + 2.0 * MARGIN,
        height + 2.0 * MARGIN,
        escaped(title)
    )
    .unwrap();
    writeln!(out, "<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>", palette.background).unwrap();
    for y in 0..area.height {
        let mut x = 0;
        while x < area.width {
            x = run(buffer, palette, (x, y), &mut out);
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Cells that look the same, as one piece; gives the column behind them.
fn run(buffer: &Buffer, palette: &Palette, (start, y): (u16, u16), out: &mut String) -> u16 {
    let first = &buffer[(start, y)];
    let look = |cell: &Cell| (palette.pair(cell), cell.modifier);
    let mut text = String::new();
    let mut x = start;
    while x < buffer.area.width && look(&buffer[(x, y)]) == look(first) {
        let symbol = buffer[(x, y)].symbol();
        text.push_str(symbol);
        x += kinescope::tui::text::width(symbol).max(1) as u16;
    }
    let (front, behind) = palette.pair(first);
    let (left, top) = (MARGIN + f64::from(start) * CELL.0, MARGIN + f64::from(y) * CELL.1);
    let wide = f64::from(x - start) * CELL.0;
    if behind != palette.background {
        let (high, wide) = (CELL.1, wide + 0.3);
        writeln!(out, "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" height=\"{high}\" fill=\"{behind}\"/>")
            .unwrap();
    }
    // Spaces at the ends draw nothing.
    let begin = text.len() - text.trim_start_matches(' ').len();
    let shown = text.trim_matches(' ');
    if shown.is_empty() && !first.modifier.contains(Modifier::UNDERLINED) {
        return x;
    }
    let left = left + begin as f64 * CELL.0;
    let wide = kinescope::tui::text::width(shown) as f64 * CELL.0;
    let weight = if first.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let dim = if first.modifier.contains(Modifier::DIM) { " opacity=\"0.6\"" } else { "" };
    let line = if first.modifier.contains(Modifier::UNDERLINED) { " text-decoration=\"underline\"" } else { "" };
    let base = top + CELL.1 - 4.5;
    let shown = escaped(shown);
    writeln!(
        out,
        "<text x=\"{left:.1}\" y=\"{base:.1}\" textLength=\"{wide:.1}\" fill=\"{front}\" xml:space=\"preserve\"{weight}{dim}{line}>{shown}</text>"
    )
    .unwrap();
    x
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
