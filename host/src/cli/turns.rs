//! `warren turns`: what agents did, with their logs.

use crate::api::types::{Listing, LogLineView, TurnDetails, TurnView};
use crate::turn::TurnOutcome;

use super::client::Request;
use super::console::{Console, Tint};
use super::failure::Result;
use super::table::Table;
use super::{Context, text};

/// Longest reason in a row, in characters; the whole of it is in `warren turns ID`.
const REASON_CHARS: usize = 60;

/// `warren turns`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show this turn: all attempts with their logs
    id: Option<String>,
    /// Only of this agent
    #[arg(long, conflicts_with = "id")]
    agent: Option<String>,
    /// Only on this event
    #[arg(long, conflicts_with = "id")]
    event: Option<String>,
    /// Only that ended so: committed, failed, rejected, trapped, timed-out …
    #[arg(long, conflicts_with = "id", value_parser = outcome)]
    outcome: Option<TurnOutcome>,
    /// Only turns on events before this position
    #[arg(long, value_name = "POSITION", conflicts_with = "id")]
    before: Option<i64>,
    /// At most this many
    #[arg(long, default_value_t = 20, conflicts_with = "id")]
    limit: u32,
}

fn outcome(word: &str) -> std::result::Result<TurnOutcome, String> {
    TurnOutcome::ALL
        .into_iter()
        .find(|outcome| outcome.as_str() == word)
        .ok_or_else(|| {
            let all = TurnOutcome::ALL.map(TurnOutcome::as_str);
            format!("turns end {}", all.join(", "))
        })
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    match &args.id {
        Some(id) => show(id, context),
        None => list(args, context),
    }
}

fn list(args: &Args, context: &Context) -> Result<()> {
    let request = Request::get(&["turns"])
        .query("agent", args.agent.as_ref())
        .query("event", args.event.as_ref())
        .query("outcome", args.outcome.map(TurnOutcome::as_str))
        .query("before", args.before)
        .query("limit", Some(args.limit));
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let page: Listing<TurnView> = answer.read()?;
    let nothing = "no turns; publish an event that an agent consumes: `warren publish TYPE DATA`";
    context.console.table(&table(&page.items), nothing)?;
    if let Some(next) = page.next {
        context
            .console
            .note(format_args!("older: the same with --before {next}"));
    }
    Ok(())
}

fn table(turns: &[TurnView]) -> Table {
    let mut table = Table::new([
        "STARTED", "AGENT", "EVENT", "OUTCOME", "TRY", "TOOK", "CPU", "TURN", "REASON",
    ]);
    for turn in turns {
        let reason = reason(turn).unwrap_or_default();
        table.row([
            &turn.started,
            &turn.agent,
            &turn.event_type,
            &turn.outcome,
            &turn.attempt,
            &text::micros(turn.duration_us),
            &text::micros(turn.cpu_us),
            &turn.turn,
            &text::shorten(reason, REASON_CHARS),
        ]);
    }
    table
}

fn show(id: &str, context: &Context) -> Result<()> {
    let answer = context.client()?.send(Request::get(&["turns", id]))?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let turn: TurnDetails = answer.read()?;
    for attempt in turn.attempts.iter().rev() {
        context.console.line(summary(attempt, &context.console))?;
        for line in details(attempt) {
            context.console.line(format_args!("  {line}"))?;
        }
    }
    if let Some(attempt) = turn.attempts.first() {
        let next = format_args!("warren events --trace {}", attempt.trace);
        context.console.say(Tint::Hint, "next:", next);
    }
    Ok(())
}

/// An attempt on one line.
pub(crate) fn summary(turn: &TurnView, console: &Console) -> String {
    let started = turn.started.to_string();
    let good = turn.outcome == TurnOutcome::Committed.as_str();
    let tint = if good { Tint::Good } else { Tint::Bad };
    let attempt = if turn.attempt > 1 || !good {
        format!(", attempt {}", turn.attempt)
    } else {
        String::new()
    };
    let reason = reason(turn).map(|reason| format!(": {reason}"));
    let rest = format!(
        "on {} in {}{attempt}{}",
        turn.event_type,
        text::micros(turn.duration_us),
        reason.unwrap_or_default()
    );
    format!(
        "{}  {} {} {}",
        text::clock_of(&started),
        text::safe(turn.agent.as_str()),
        console.data_tint(tint, &text::safe(&turn.outcome)),
        text::safe(&rest)
    )
}

/// Why it ended so, if it did not end well.
pub(crate) fn reason(turn: &TurnView) -> Option<&str> {
    let said = turn.reason.as_deref();
    said.or_else(|| meaning(&turn.outcome))
}

/// What to make of an outcome that comes without a reason.
fn meaning(outcome: &str) -> Option<&'static str> {
    if outcome == TurnOutcome::CpuExhausted.as_str() {
        Some("more CPU time than `sandbox.cpu_ms_max` of the host; does a loop not end?")
    } else if outcome == TurnOutcome::TimedOut.as_str() {
        Some("longer than `timeout_ms` in the settings of its manifest")
    } else {
        None
    }
}

/// What an attempt did and said, a line each.
pub(crate) fn details(turn: &TurnView) -> Vec<String> {
    let calls = turn.calls.iter().map(|call| {
        let ended = call.error.as_deref().map(|error| format!(": {error}"));
        format!(
            "called {} {} in {}{}",
            call.agent,
            call.event_type,
            text::micros(call.duration_us),
            ended.unwrap_or_default()
        )
    });
    let asked = turn.http.iter().filter(|sent| sent.error.is_none());
    let asked = asked.map(|sent| {
        let status = sent.status.map(|status| status.to_string());
        format!(
            "asked {} {}: {} in {}, {} out, {} in",
            sent.method,
            sent.origin,
            status.as_deref().unwrap_or("no answer"),
            text::micros(sent.duration_us),
            text::bytes(sent.sent_bytes),
            text::bytes(sent.received_bytes)
        )
    });
    let logs = turn.logs.iter().flatten().map(log_line);
    let published = turn.published.iter().map(|id| format!("published {id}"));
    let writes = (turn.writes > 0).then(|| format!("wrote {}", turn.writes));
    logs.chain(calls)
        .chain(asked)
        .chain(writes)
        .chain(published)
        .map(|line| text::safe(&line).into_owned())
        .collect()
}

/// A line of a log.
pub(crate) fn log_line(line: &LogLineView) -> String {
    let level = format!("{:?}", line.level).to_lowercase();
    let fields: Vec<String> = line
        .fields
        .iter()
        .map(|(name, value)| format!(" {name}={value}"))
        .collect();
    format!(
        "{:>5} ms  {level:<5}  {}{}",
        line.at_ms,
        line.message,
        fields.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_the_hosts_words() {
        assert_eq!(outcome("timed-out"), Ok(TurnOutcome::TimedOut));
        assert!(outcome("done").unwrap_err().contains("committed"));
    }

    #[test]
    fn an_outcome_without_a_reason_is_explained() {
        let explained = |outcome: TurnOutcome| meaning(outcome.as_str()).is_some();
        assert!(explained(TurnOutcome::CpuExhausted) && explained(TurnOutcome::TimedOut));
        assert!(!explained(TurnOutcome::Committed) && !explained(TurnOutcome::Failed));
    }

    #[test]
    fn a_log_line_has_its_fields_and_no_control_characters() {
        let line = LogLineView {
            at_ms: 7,
            level: crate::turn::LogLevel::Warn,
            message: "odd\u{1b}[2J".to_owned(),
            fields: vec![("n".to_owned(), "1".to_owned())],
        };
        assert_eq!(
            text::safe(&log_line(&line)),
            "    7 ms  warn   odd\\u{1b}[2J n=1"
        );
    }
}
