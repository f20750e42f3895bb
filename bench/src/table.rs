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
    /// The same floor on the machine that `must` was written for, to carry it over to this one.
    pub(crate) floor_then: Option<f64>,
    /// Ours.
    pub(crate) ours: Sample,
    /// What ours must reach.
    pub(crate) must: Option<f64>,
    /// Which way is good.
    pub(crate) better: Better,
}

impl Row {
    /// What ours must reach on this machine: as far from its floor as `must` was from that one's.
    pub(crate) fn must_here(&self) -> Option<f64> {
        let floor = self.floor.as_ref()?;
        Some(self.must? * floor.median / self.floor_then?)
    }

    /// Whether ours is as good as `must`, either of the two.
    fn reaches(&self, must: f64) -> bool {
        match self.better {
            Better::Higher => self.ours.median >= must,
            Better::Lower => self.ours.median <= must,
        }
    }

    fn reached(&self) -> &'static str {
        match (self.must, self.must_here()) {
            (Some(must), _) if self.reaches(must) => "yes",
            (_, Some(here)) if self.reaches(here) => "yes, here",
            (Some(_), _) => "NO",
            (None, _) => "",
        }
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
        "| what | unit | floor | the floor is | ours [min..max] | must | must here | reached |\n\
         |---|---|---:|---|---:|---:|---:|---|\n",
    );
    for row in rows {
        let absent = || "–".to_owned();
        let floor = row.floor.as_ref();
        let floor = floor.map_or_else(absent, |floor| short(floor.median));
        let sign = match row.better {
            Better::Higher => "≥",
            Better::Lower => "≤",
        };
        let bound =
            |must: Option<f64>| must.map_or_else(absent, |must| format!("{sign} {}", short(must)));
        let (must, here) = (bound(row.must), bound(row.must_here()));
        let Sample { median, min, max } = &row.ours;
        let ours = format!("{} [{}..{}]", short(*median), short(*min), short(*max));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {floor} | {} | {ours} | {must} | {here} | {} |",
            row.name,
            row.unit,
            row.floor_is,
            row.reached()
        );
    }
    text.push_str(
        "\n`must` was written for a machine whose floor is known; `must here` is as far from this machine's floor.\n",
    );
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
