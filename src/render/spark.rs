//! Lines of a series in one row of a terminal.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One bar for each number, the largest as high as a row; a dot where there is none.
pub fn sparkline(numbers: impl IntoIterator<Item = Option<f64>>) -> String {
    let numbers: Vec<Option<f64>> = numbers.into_iter().collect();
    let largest = numbers.iter().flatten().copied().fold(0.0, f64::max);
    let bar = |number: &Option<f64>| match number {
        None => '·',
        Some(_) if largest <= 0.0 => BARS[0],
        Some(number) => {
            let height = (number.max(0.0) / largest * 7.0).round() as usize;
            BARS.get(height).copied().unwrap_or(BARS[7])
        }
    };
    numbers.iter().map(bar).collect()
}

/// So many points of a longer series, each the largest of its stretch.
pub fn thinned(numbers: &[Option<f64>], most: usize) -> Vec<Option<f64>> {
    if numbers.len() <= most || most == 0 {
        return numbers.to_vec();
    }
    let part = |at: usize| {
        let (from, to) = (at * numbers.len() / most, (at + 1) * numbers.len() / most);
        let inside = numbers.get(from..to).unwrap_or_default();
        inside.iter().flatten().copied().reduce(f64::max)
    };
    (0..most).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_their_numbers() {
        assert_eq!(sparkline([Some(0.0), Some(7.0), None, Some(3.5)]), "▁█·▅");
        assert_eq!(sparkline([Some(0.0)]), "▁");
        assert_eq!(thinned(&[Some(1.0), Some(5.0), None, Some(2.0)], 2), [Some(5.0), Some(2.0)]);
    }
}
