//! `warren audit`: who did or was refused what, and whether somebody was at the log.
//!
//! Invariant: `verify` computes every hash itself from what the host hands out; it believes the host in
//! nothing but where the log begins, and not even there what was written down before.

use std::str::FromStr;

use crate::api::types::{AuditEndsView, AuditRowView, Listing};
use crate::identity::{AuditEnds, AuditRecord, ChainCheck, RowHash};

use super::Context;
use super::client::{Client, Request};
use super::console::Tint;
use super::failure::{Failure, Result};
use super::table::Table;

/// Rows of a page while verifying: the most that the host gives.
const PAGE_ROWS: u32 = 100;

/// `warren audit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List rows, the oldest first
    List {
        /// Continue after the row of this number
        #[arg(long, value_name = "NUMBER")]
        after: Option<u64>,
        /// Rows to print, 1 to 100
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Check that no row was changed, removed or put elsewhere, and print the head to write down
    Verify {
        /// A head that an earlier check printed: its row must be the same still
        #[arg(long, value_name = "NUMBER:HASH")]
        head: Option<Head>,
    },
}

/// A row and its hash, as somebody wrote them down.
#[derive(Debug, Clone, Copy)]
struct Head {
    seq: u64,
    hash: RowHash,
}

impl FromStr for Head {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (seq, hash) = text.split_once(':')?;
            let (seq, hash) = (seq.parse().ok()?, RowHash::parse(hash)?);
            Some(Self { seq, hash })
        };
        read().ok_or_else(|| "write it as an earlier check printed it, `NUMBER:HASH`".to_owned())
    }
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    match &args.action {
        Action::List { after, limit } => list(*after, *limit, context),
        Action::Verify { head } => verify(*head, context),
    }
}

fn page(after: Option<u64>, limit: u32) -> Request {
    Request::get(&["audit"])
        .query("after", after)
        .query("limit", Some(limit))
}

fn list(after: Option<u64>, limit: u32, context: &Context) -> Result<()> {
    let answer = context.client()?.send(page(after, limit))?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let page: Listing<AuditRowView> = answer.read()?;
    let mut table = Table::new(["ROW", "AT", "WHO", "OUTCOME", "WHAT", "TARGET", "REASON"]);
    for row in &page.items {
        let record: AuditRecord = serde_json::from_str(row.record.get())?;
        let outcome = record.outcome.as_str();
        let reason = record.reason.unwrap_or_default();
        table.row([
            &row.seq,
            &row.at,
            &record.who,
            &outcome,
            &record.what,
            &record.target,
            &reason,
        ]);
    }
    context.console.table(&table, "no rows")?;
    if let Some(next) = page.next {
        let talk = format_args!("`warren audit list --after {next}`");
        context.console.say(Tint::Hint, "more", talk);
    }
    Ok(())
}

fn verify(noted: Option<Head>, context: &Context) -> Result<()> {
    let client = context.client()?;
    let view: AuditEndsView = client.send(Request::get(&["audit", "ends"]))?.read()?;
    let ends = view
        .ends()
        .ok_or_else(|| tampered("the ends of the log carry no hashes"))?;
    let checked = check(&client, &ends, noted)?;
    let (seq, hash) = checked;
    if context.console.is_json() {
        let found = serde_json::json!({ "good": true, "rows": seq - ends.forgotten, "head": format!("{seq}:{hash}") });
        return context.console.json(&found);
    }
    let rows = seq - ends.forgotten;
    let talk =
        format_args!("{rows} rows follow one another; write the head down for the next check");
    context.console.say(Tint::Good, "verified", talk);
    context.console.line(format_args!("{seq}:{hash}"))
}

/// Check all rows up to the head that the host told of, and the row that was noted.
fn check(client: &Client, ends: &AuditEnds, noted: Option<Head>) -> Result<(u64, RowHash)> {
    let mut chain = ChainCheck::begin(ends);
    let mut found = noted.is_none_or(|noted| noted.seq <= ends.forgotten);
    if noted.is_some_and(|noted| noted.seq == ends.forgotten && noted.hash != ends.forgotten_hash) {
        return Err(tampered(
            "the log does not begin where it did when the head was noted",
        ));
    }
    while chain.last().0 < ends.head {
        let request = page(Some(chain.last().0), PAGE_ROWS);
        let page: Listing<AuditRowView> = client.send(request)?.read()?;
        if page.items.is_empty() {
            break;
        }
        for view in page.items.iter().filter(|view| view.seq <= ends.head) {
            let row = view
                .row()
                .ok_or_else(|| tampered(format!("row {} carries no hashes", view.seq)))?;
            chain.row(&row).map_err(tampered)?;
            if let Some(noted) = noted.filter(|noted| noted.seq == row.seq) {
                if noted.hash != row.hash {
                    let seq = row.seq;
                    return Err(tampered(format!(
                        "row {seq} or one before it is not what it was when its hash was noted"
                    )));
                }
                found = true;
            }
        }
        if page.items.iter().any(|view| view.seq > ends.head) {
            break;
        }
    }
    chain.end(ends).map_err(tampered)?;
    if !found {
        let seq = noted.map_or(0, |noted| noted.seq);
        return Err(tampered(format!(
            "row {seq}, which was noted, is missing: the end of the log was cut off"
        )));
    }
    Ok(chain.last())
}

fn tampered(what: impl std::fmt::Display) -> Failure {
    Failure::new(format!("the audit log was tampered with: {what}")).hint(
        "compare with a backup: the rows before the one that is named are as they were written",
    )
}
