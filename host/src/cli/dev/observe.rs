//! Prints turns as they end, with their logs.

use std::collections::HashSet;

use crate::api::types::{Listing, TurnView};
use crate::cli::client::{Client, Request};
use crate::cli::failure::Result;
use crate::cli::{Context, turns};

/// Turns asked for at once. More that end between two looks are counted but not printed.
const TURNS: u32 = 100;

/// Remembers which attempts were printed: those of one page, no more.
#[derive(Debug)]
pub(super) struct Observer {
    known: HashSet<(String, u32)>,
}

impl Observer {
    /// Begin with what comes from now on.
    pub(super) fn begin(client: &Client) -> Result<Self> {
        let turns = recent(client)?;
        Ok(Self {
            known: turns.iter().map(key).collect(),
        })
    }

    /// Print what ended since the last look.
    pub(super) fn look(&mut self, client: &Client, context: &Context) -> Result<()> {
        let turns = recent(client)?;
        let (new, passed) = self.news(&turns);
        if passed {
            context
                .console
                .note("… more turns than are shown here: `warren turns`");
        }
        for turn in new {
            if context.console.is_json() {
                context.console.json_line(turn)?;
                continue;
            }
            context
                .console
                .line(turns::summary(turn, &context.console))?;
            for line in turns::details(turn) {
                context.console.line(format_args!("  {line}"))?;
            }
        }
        Ok(())
    }

    /// Attempts that were not known, the oldest first, and whether some may have been missed.
    fn news<'a>(&mut self, turns: &'a [TurnView]) -> (Vec<&'a TurnView>, bool) {
        let new: Vec<&TurnView> = turns
            .iter()
            .rev()
            .filter(|turn| !self.known.contains(&key(turn)))
            .collect();
        let passed = !self.known.is_empty() && new.len() == TURNS as usize;
        self.known = turns.iter().map(key).collect();
        (new, passed)
    }
}

fn key(turn: &TurnView) -> (String, u32) {
    (turn.turn.to_string(), turn.attempt)
}

fn recent(client: &Client) -> Result<Vec<TurnView>> {
    let request = Request::get(&["turns"])
        .query("logs", Some(true))
        .query("limit", Some(TURNS));
    let page: Listing<TurnView> = client.send(request)?.read()?;
    Ok(page.items)
}
