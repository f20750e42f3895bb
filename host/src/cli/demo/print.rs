//! The report for people: a tree for each trace, with the milliseconds since its first event.

use std::env;

use crate::cli::console::{Console, Tint};
use crate::cli::failure::Result;
use crate::cli::{text, turns};

use super::fence::Fence;
use super::story::{TenantReport, TraceReport};
use super::trace::{Branch, Node};
use super::{Keys, Report};

/// Longest payload in a line, in characters.
const DATA_CHARS: usize = 84;

/// Print all of it.
pub(super) fn report(report: &Report, console: &Console) -> Result<()> {
    for tenant in &report.tenants {
        one_tenant(tenant, console)?;
    }
    fence(&report.isolation, console)?;
    console.line("")?;
    if report.faults.is_empty() {
        let took = text::micros(u64::try_from(report.took_ms).unwrap_or(u64::MAX) * 1_000);
        let done = console.data_tint(Tint::Good, "as it should be");
        console.line(format_args!(
            "{done}: {} tenants, the same agents, the work of each its own; {took} from the first push on",
            report.tenants.len()
        ))?;
    }
    match &report.keys {
        Some(keys) => look_around(&report.url, keys, console),
        None => console.line(
            "next: `cargo xtask demo --keep` leaves the host running to look around in; \
             README.md has the tour with an agent of yours",
        ),
    }
}

fn one_tenant(tenant: &TenantReport, console: &Console) -> Result<()> {
    console.line("")?;
    console.line(console.data_tint(Tint::Hint, &format!("tenant {}", tenant.name)))?;
    for agent in &tenant.agents {
        let compiled = match agent.compile_ms {
            0 => "compiled before".to_owned(),
            ms => format!("compiled in {ms} ms"),
        };
        console.line(format_args!(
            "  pushed {:<12} version {}  {:>10}  {compiled}",
            text::safe(&agent.name),
            agent.version.unwrap_or_default(),
            text::bytes(agent.component_bytes)
        ))?;
    }
    for trace in &tenant.traces {
        one_trace(trace, console)?;
    }
    let seats = &tenant.seats;
    console.line("")?;
    console.line(format_args!(
        "  {} parties want seats at the same moment",
        seats.asked
    ))?;
    console.line(format_args!(
        "           {} were sold theirs, {} refused, {} seats left; {} turns ran again on what was true by then",
        seats.sold, seats.refused, text::safe(&seats.left), seats.reruns
    ))
}

fn one_trace(trace: &TraceReport, console: &Console) -> Result<()> {
    console.line("")?;
    console.line(format_args!(
        "  {}: {}, {}, {}",
        trace.title,
        text::count(trace.root.events().len(), "event"),
        text::count(trace.root.branches().len(), "turn"),
        text::micros(trace.took_us)
    ))?;
    let mut tree = Tree {
        begun: trace.root.event.time,
        console,
        lines: Vec::new(),
    };
    tree.event(&trace.root, "", "");
    tree.lines.iter().try_for_each(|line| console.line(line))
}

/// The lines of a tree. `first` stands before a thing, `rest` before what hangs below it.
struct Tree<'a> {
    begun: crate::clock::Timestamp,
    console: &'a Console,
    lines: Vec<String>,
}

impl Tree<'_> {
    fn event(&mut self, node: &Node, first: &str, rest: &str) {
        let event = &node.event;
        let name = text::safe(event.event_type.as_str());
        let name = self.console.data_tint(Tint::Hint, &name);
        let data = text::safe(event.data.as_str());
        let data = text::shorten(&data, DATA_CHARS);
        let at = event.time.since(self.begun);
        self.lines.push(format!("{at:>6} ms  {first}{name} {data}"));
        let last = node.turns.len().saturating_sub(1);
        for (i, branch) in node.turns.iter().enumerate() {
            let (first, below) = hang(rest, i == last);
            self.turn(branch, &first, &below);
        }
    }

    fn turn(&mut self, branch: &Branch, first: &str, rest: &str) {
        let turn = &branch.turn;
        let tint = if branch.is_committed() {
            Tint::Good
        } else {
            Tint::Bad
        };
        let at = turn.started.since(self.begun);
        let outcome = self.console.data_tint(tint, &text::safe(&turn.outcome));
        let agent = text::safe(turn.agent.as_str());
        let mut words = format!(
            "{agent} {outcome} in {} (cpu {}, {}, {} published)",
            text::micros(turn.duration_us),
            text::micros(turn.cpu_us),
            counted(turn.host_calls, "host call"),
            turn.published.len()
        );
        if let Some(reason) = &turn.reason {
            words = format!("{words}: {}", text::safe(reason));
        }
        self.lines.push(format!("{at:>6} ms  {first}{words}"));
        let bar = if branch.led_to.is_empty() { ' ' } else { '│' };
        for log in turn.logs.iter().flatten() {
            let log = turns::log_line(log);
            let log = self
                .console
                .data_tint(Tint::Faint, &text::safe(log.trim_start()));
            self.lines
                .push(format!("           {rest}{bar}  log {log}"));
        }
        let last = branch.led_to.len().saturating_sub(1);
        for (i, node) in branch.led_to.iter().enumerate() {
            let (first, below) = hang(rest, i == last);
            self.event(node, &first, &below);
        }
    }
}

/// What stands before a thing below `rest`, and before what hangs below that.
fn hang(rest: &str, is_last: bool) -> (String, String) {
    if is_last {
        (format!("{rest}└─ "), format!("{rest}   "))
    } else {
        (format!("{rest}├─ "), format!("{rest}│  "))
    }
}

fn counted(count: u32, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn fence(fence: &Fence, console: &Console) -> Result<()> {
    let (owner, stranger) = (&fence.owner, &fence.stranger);
    console.line("")?;
    console.line(console.data_tint(
        Tint::Hint,
        &format!("{stranger} asks for the last event of {owner}'s order"),
    ))?;
    console.line(format_args!("  GET {}", text::safe(&fence.path)))?;
    console.line(format_args!(
        "  with the key of {owner}: {}",
        fence.owner_status
    ))?;
    console.line(format_args!(
        "  with the key of {stranger}: {}",
        fence.stranger_status
    ))?;
    if let Some(problem) = &fence.problem {
        let json = serde_json::to_string(problem)?;
        console.line(format_args!("    {}", text::safe(&json)))?;
    }
    let same = if fence.same_as_absent {
        "the answer for an event that nobody has, but for the ids"
    } else {
        "NOT the answer for an event that nobody has"
    };
    console.line(format_args!(
        "    {same}; its turn by name: {}; events of the trace in {stranger}'s list: {}",
        fence.turn_status, fence.events_of_trace
    ))
}

fn look_around(url: &str, keys: &Keys, console: &Console) -> Result<()> {
    let program = env::args_os().next().unwrap_or_else(|| "warren".into());
    let program = program.to_string_lossy();
    console.line("")?;
    console.line("the host goes on; Ctrl-C ends it and removes its data. In another terminal:")?;
    console.line(format_args!("  export WARREN_URL={url}"))?;
    for tenant in &keys.tenants {
        console.line(format_args!(
            "  export WARREN_KEY={}  # {}",
            tenant.key, tenant.tenant
        ))?;
    }
    console.line(format_args!(
        "  export WARREN_ADMIN_KEY={}  # the operator",
        keys.operator
    ))?;
    let commands = [
        "agents",
        "events",
        "turns",
        "tail --since 0",
        "call greeter '{\"name\": \"Alan\"}'",
        "publish order.placed '{\"order\": \"A-2\", \"price_cents\": 400, \"quantity\": 1}' --wait",
        "tenants",
    ];
    commands
        .iter()
        .try_for_each(|command| console.line(format_args!("  {program} {command}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_below_the_last_has_no_bar_beside_it() {
        let check = |rest: &str, is_last: bool, expect: (&str, &str)| {
            let (first, below) = hang(rest, is_last);
            assert_eq!((first.as_str(), below.as_str()), expect);
        };
        check("", true, ("└─ ", "   "));
        check("", false, ("├─ ", "│  "));
        check("│  ", true, ("│  └─ ", "│     "));
    }
}
