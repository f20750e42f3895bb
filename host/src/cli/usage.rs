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
    let mut table = Table::new(["QUOTA", "USED", "MAX", "UNIT", "NOTE"]);
    for quota in quotas {
        let note = match reached(quota.used.unwrap_or(0), quota.max.unwrap_or(0)) {
            100 => "all used",
            80.. => "nearly all used",
            _ => "",
        };
        table.row([
            &quota.name,
            &number(quota.used),
            &number(quota.max),
            &quota.unit,
            &note,
        ]);
    }
    table
}

fn number(number: Option<u64>) -> String {
    number.map_or("-".to_owned(), |number| number.to_string())
}

fn periods(periods: &[UsagePeriodView]) -> Table {
    let mut table = Table::new([
        "BEGAN", "TURNS", "FAILED", "CPU MS", "EVENTS", "PAYLOAD", "WRITES",
    ]);
    for period in periods {
        table.row([
            &period.start,
            &period.turns,
            &period.turns_failed,
            &period.cpu_ms,
            &period.events,
            &text::bytes(period.payload_bytes),
            &period.writes,
        ]);
    }
    table
}
