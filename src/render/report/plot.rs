//! Curves as SVG. Their colours are names for the style sheet, which says what they are in light, dark and on paper.

use plotters::prelude::*;

use super::text;

/// Pixels of a plot.
const SIZE: (u32, u32) = (760, 230);

/// The curves' colours; `html` gives each another in the dark.
const CURVES: [RGBColor; 2] = [RGBColor(0x1f, 0x6f, 0xd0), RGBColor(0xc8, 0x62, 0x1a)];

/// What the numbers of an axis are.
#[derive(Clone, Copy, Debug)]
pub enum Scale {
    /// Revisions, keys.
    Count,
    /// Bytes, drawn in a unit of so many.
    Bytes(f64),
    /// Seconds since 1970, of which so many lie between the ends.
    Time(f64),
}

impl Scale {
    /// Bytes, in the largest unit in which the highest is at least one: ticks lie on round numbers of it.
    pub fn bytes(highest: u64) -> Self {
        let units = std::iter::successors(Some(1u64), |unit| unit.checked_mul(1024)).take(5);
        Self::Bytes(units.take_while(|unit| *unit <= highest.max(1)).last().unwrap_or(1) as f64)
    }

    const fn unit(self) -> f64 {
        match self {
            Self::Bytes(unit) => unit,
            Self::Count | Self::Time(_) => 1.0,
        }
    }

    fn label(self, value: f64) -> String {
        match self {
            // Rounded to what an axis has room for.
            Self::Count => text::count(value.max(0.0) as u64),
            Self::Bytes(_) if value <= 0.0 => "0".to_owned(),
            Self::Bytes(unit) => text::bytes((value * unit) as u64),
            Self::Time(span) => {
                let format = if span > 3.0 * 86_400.0 {
                    "%Y-%m-%d"
                } else if span > 600.0 {
                    "%m-%d %H:%M"
                } else {
                    "%H:%M:%S"
                };
                jiff::Timestamp::from_second(value as i64)
                    .map_or_else(|_| String::new(), |at| at.strftime(format).to_string())
            }
        }
    }
}

/// Curves over one axis, as an SVG element; `None` where there is nothing to draw.
pub fn curves(x: Scale, y: Scale, curves: &[Vec<(f64, f64)>]) -> Option<String> {
    let points = || curves.iter().flatten();
    let (mut left, mut right, mut top) = (f64::INFINITY, f64::NEG_INFINITY, 0.0_f64);
    for (x, y) in points() {
        (left, right, top) = (left.min(*x), right.max(*x), top.max(*y));
    }
    if curves.iter().all(|curve| curve.len() < 2) || left >= right {
        return None;
    }
    let mut svg = String::new();
    draw(&mut svg, (left, right, top.max(1.0) / y.unit() * 1.05), (x, y), curves).ok()?;
    Some(svg)
}

fn draw(
    svg: &mut String,
    (left, right, top): (f64, f64, f64),
    (x, y): (Scale, Scale),
    curves: &[Vec<(f64, f64)>],
) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let mut chart = ChartBuilder::on(&root)
        .margin(8)
        .margin_right(28)
        .x_label_area_size(26)
        .y_label_area_size(72)
        .build_cartesian_2d(left..right, 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(6)
        .y_labels(5)
        .x_label_formatter(&|value| x.label(*value))
        .y_label_formatter(&|value| y.label(*value))
        .label_style(("sans-serif", 12))
        .draw()?;
    for (curve, colour) in curves.iter().zip(CURVES) {
        let scaled = curve.iter().map(|(x, value)| (*x, value / y.unit()));
        chart.draw_series(LineSeries::new(scaled, colour.stroke_width(2)))?;
    }
    root.present()?;
    drop(chart);
    drop(root);
    Ok(())
}
