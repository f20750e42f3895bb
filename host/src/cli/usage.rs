//! `warren usage`: what was used, and what may be.

use crate::api::types::{QuotaView, UsagePeriodView, UsageView};
use crate::id::TenantName;
use crate::usage::reached;

use super::client::Request;
use super::failure::Result;
use super::table::Table;
use super::{Context, text};

/// `warren usage`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// By UTC day or hour
    #[arg(long, value_enum, default_value = "day")]
    by: By,
    /// Only what began before this instant
    #[arg(long, value_name = "INSTANT")]
    before: Option<String>,
    /// Rows, 1 to 100
    #[arg(long)]
    limit: Option<u32>,
    /// Of this tenant, by the operator's key
    #[arg(long)]
    tenant: Option<TenantName>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum By {
    Day,
    Hour,
}

impl By {
    const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Hour => "hour",
        }
    }
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    let request = match &args.tenant {
        None => Request::get(&["usage"]),
        Some(tenant) => Request::get(&["tenants", tenant.as_str(), "usage"]).by_operator(),
    };
    let request = request
        .query("by", Some(args.by.word()))
        .query("before", args.before.as_ref())
        .query("limit", args.limit);
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let usage: UsageView = answer.read()?;
    if let Some(reason) = &usage.suspended {
        let reason = text::safe(reason);
        context.console.note(format_args!("suspended: {reason}"));
    }
    context.console.table(&quotas(&usage.quotas), "no quotas")?;
    context.console.line("")?;
    context
        .console
        .table(&periods(&usage.items), "nothing was used yet")?;
    if let Some(next) = usage.next {
        context
            .console
            .note(format_args!("more: warren usage --before {next}"));
    }
    Ok(())
}

fn quotas(quotas: &[QuotaView]) -> Table {
    let mut table = Table::new(["QUOTA", "USED", "MAX", "UNIT", "NOTE"]).right([1, 2]);
    for quota in quotas {
        let note = match reached(quota.used.unwrap_or(0), quota.max.unwrap_or(0)) {
            100 => "all used",
            80.. => "nearly all used",
            _ => "",
        };
        // Sizes carry their unit, so that only what they are by is left of it.
        let (show, unit): (fn(u64) -> String, _) = match quota.unit.strip_prefix("bytes") {
            Some(by) => (text::bytes, by.trim_start()),
            None => (|number| number.to_string(), quota.unit.as_str()),
        };
        let max = quota.max.map_or("no limit".to_owned(), show);
        let used = quota.used.map_or("-".to_owned(), show);
        table.row([&quota.name, &used, &max, &unit, &note]);
    }
    table
}

fn periods(periods: &[UsagePeriodView]) -> Table {
    let header = [
        "BEGAN (UTC)",
        "TURNS",
        "FAILED",
        "CPU S",
        "EVENTS",
        "PAYLOAD",
        "WRITES",
    ];
    let mut table = Table::new(header).right([1, 2, 3, 4, 5, 6]);
    for period in periods {
        let cpu = format!("{}.{:03}", period.cpu_ms / 1_000, period.cpu_ms % 1_000);
        table.row([
            &began(&period.start.to_string()),
            &period.turns,
            &period.turns_failed,
            &cpu,
            &period.events,
            &text::bytes(period.payload_bytes),
            &period.writes,
        ]);
    }
    table
}

/// `2026-11-21 07:00` of an instant; of midnight, the day.
fn began(instant: &str) -> String {
    let minutes = instant.get(..16).unwrap_or(instant).replace('T', " ");
    match minutes.strip_suffix(" 00:00") {
        Some(day) => day.to_owned(),
        None => minutes,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn lines(table: &Table) -> Vec<String> {
        table.lines().collect()
    }

    #[test]
    fn quotas_are_shown_with_their_units_and_what_is_nearly_used() {
        let quota = |name: &str, unit: &str, max: Value, used: Value| -> QuotaView {
            let view = json!({ "name": name, "unit": unit, "max": max, "used": used });
            serde_json::from_value(view).unwrap()
        };
        let all = [
            quota(
                "turns_per_second",
                "turns a second",
                Value::Null,
                Value::Null,
            ),
            quota(
                "cpu_seconds_per_day",
                "seconds a day",
                json!(3_600),
                json!(2_900),
            ),
            quota(
                "payload_bytes_per_second",
                "bytes a second",
                json!(1 << 20),
                Value::Null,
            ),
            quota(
                "tenant_bytes_max",
                "bytes",
                json!(16_u64 << 30),
                json!(16_u64 << 30),
            ),
        ];
        assert_eq!(
            lines(&quotas(&all)),
            [
                "QUOTA                         USED       MAX  UNIT            NOTE",
                "turns_per_second                 -  no limit  turns a second",
                "cpu_seconds_per_day           2900      3600  seconds a day   nearly all used",
                "payload_bytes_per_second         -   1.0 MiB  a second",
                "tenant_bytes_max          16.0 GiB  16.0 GiB                  all used",
            ]
        );
    }

    #[test]
    fn periods_line_up_by_their_last_digits() {
        let period = |start: &str, turns: u64| -> UsagePeriodView {
            let view = json!({
                "start": start, "turns": turns, "turns_failed": 0, "cpu_ms": turns * 7,
                "events": 2 * turns, "payload_bytes": 300 * turns, "writes": turns
            });
            serde_json::from_value(view).unwrap()
        };
        let all = [
            period("2026-11-21T07:00:00.000Z", 1_234),
            period("2026-11-21T00:00:00.000Z", 5),
        ];
        assert_eq!(
            lines(&periods(&all)),
            [
                "BEGAN (UTC)       TURNS  FAILED  CPU S  EVENTS    PAYLOAD  WRITES",
                "2026-11-21 07:00   1234       0  8.638    2468  361.5 KiB    1234",
                "2026-11-21            5       0  0.035      10    1.5 KiB       5",
            ]
        );
    }
}
