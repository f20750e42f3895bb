//! Rows and how they are printed.

use std::fmt::Write as _;

use serde::Serialize;

use crate::sample::Sample;

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    /// A rate.
    Higher,
    /// A time or a size.
    Lower,
}

/// A measured thing.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// What.
    pub(crate) name: String,
    /// In what.
    pub(crate) unit: &'static str,
    /// The least that the machine allows.
    pub(crate) floor: Option<Sample>,
    /// What the floor is.
    pub(crate) floor_is: &'static str,
    /// Ours.
    pub(crate) ours: Sample,
    /// What ours must reach.
    pub(crate) must: Option<f64>,
    /// Which way is good.
    pub(crate) better: Better,
}

impl Row {
    /// Whether ours reaches what it must.
    pub(crate) fn reached(&self) -> Option<bool> {
        self.must.map(|must| match self.better {
            Better::Higher => self.ours.median >= must,
            Better::Lower => self.ours.median <= must,
        })
    }

    /// One line, as soon as it is measured.
    pub(crate) fn line(&self) -> String {
        format!(
            "  {}: {} {} [{}..{}]",
            self.name,
            short(self.ours.median),
            self.unit,
            short(self.ours.min),
            short(self.ours.max)
        )
    }
}

/// The table as Markdown.
pub(crate) fn render(rows: &[Row]) -> String {
    let mut text = String::from(
        "| what | unit | floor | the floor is | ours [min..max] | must | reached |\n\
         |---|---|---:|---|---:|---:|---|\n",
    );
    for row in rows {
        let floor = row
            .floor
            .as_ref()
            .map_or("–".to_owned(), |floor| short(floor.median));
        let must = row.must.map_or("–".to_owned(), |must| {
            let sign = if row.better == Better::Higher {
                "≥"
            } else {
                "≤"
            };
            format!("{sign} {}", short(must))
        });
        let reached = match row.reached() {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "",
        };
        let Sample { median, min, max } = &row.ours;
        let ours = format!("{} [{}..{}]", short(*median), short(*min), short(*max));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {floor} | {} | {ours} | {must} | {reached} |",
            row.name, row.unit, row.floor_is
        );
    }
    text
}

/// Three figures that matter.
fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 10_000.0 => {
            let digits = format!("{value:.0}");
            let mut out = String::new();
            for (index, digit) in digits.chars().enumerate() {
                if index > 0 && (digits.len() - index) % 3 == 0 {
                    out.push(',');
                }
                out.push(digit);
            }
            out
        }
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
