//! Sells each seat once, however many ask at the same time.

use serde::{Deserialize, Serialize};
use warren_agent::{Agent, Context, Event, Failure, Grant, payload};

/// Seats of the house.
const SEATS: u32 = 100;

/// Somebody would like to come.
#[derive(Serialize, Deserialize)]
pub struct SeatsWanted {
    /// Who.
    pub party: String,
    /// How many they are.
    pub seats: u32,
}
payload!(SeatsWanted: BusinessFacts, "seats.wanted", description = "Somebody would like to come.");

/// Seats were sold.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct SeatsSold {
    /// To whom.
    pub party: String,
    /// How many.
    pub seats: u32,
    /// How many there are still.
    pub left: u32,
}
payload!(SeatsSold: BusinessFacts, "seats.sold", description = "Seats were sold.");

/// There were not enough seats.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct SeatsRefused {
    /// To whom.
    pub party: String,
    /// How many were wanted.
    pub seats: u32,
}
payload!(SeatsRefused: BusinessFacts, "seats.refused", description = "There were not enough seats.");

/// The declaration.
pub fn agent() -> Agent {
    Agent::new("box-office")
        .describe("Sells each seat once.")
        .on(sell)
        .produces::<SeatsSold>()
        .produces::<SeatsRefused>()
        .grants(Grant::WORKING)
}
warren_agent::export!(agent);

fn sell(ctx: &Context, wanted: Event<SeatsWanted>) -> Result<(), Failure> {
    let SeatsWanted { party, seats } = wanted.data;
    // A counter: one call.
    ctx.working().count("asked")?;
    // Read, decide, write. If another turn sold seats meanwhile, the host runs this one again from the
    // start with what is left now: nothing to lock, and no seat sold twice.
    let left = ctx.working().get("left")?.unwrap_or(SEATS);
    match left.checked_sub(seats) {
        Some(left) => {
            ctx.working().put("left", &left)?;
            ctx.publish(&SeatsSold { party, seats, left })?;
        }
        None => {
            ctx.publish(&SeatsRefused { party, seats })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use warren_agent::Error;
    use warren_agent::testing::TestHost;

    use super::*;

    fn wanted(seats: u32) -> Event<SeatsWanted> {
        Event::new(SeatsWanted {
            party: "Noether".into(),
            seats,
        })
    }

    fn sold(seats: u32, left: u32) -> SeatsSold {
        SeatsSold {
            party: "Noether".into(),
            seats,
            left,
        }
    }

    #[test]
    fn seats_are_sold_until_there_are_none() {
        let mut host = TestHost::new().with_working("left", &5);
        let turn = host.handle(&agent(), wanted(3));
        assert_eq!(turn.published::<SeatsSold>(), [sold(3, 2)]);
        let turn = host.handle(&agent(), wanted(3));
        assert_eq!(turn.published::<SeatsRefused>().len(), 1);
        assert_eq!(turn.published::<SeatsSold>(), []);
        let turn = host.handle(&agent(), wanted(2));
        assert_eq!(turn.published::<SeatsSold>(), [sold(2, 0)]);
        assert_eq!(turn.working::<u32>("asked"), Some(3));
    }

    #[test]
    fn a_sale_that_fails_anywhere_sells_nothing() {
        let calls = TestHost::new().handle(&agent(), wanted(3)).host_calls();
        for call in 1..=calls {
            let mut host = TestHost::new().fail_call(call, Error::Unavailable("down".into()));
            let turn = host.handle(&agent(), wanted(3));
            assert!(turn.result().is_err(), "call {call}");
            assert!(turn.events().is_empty(), "call {call}");
            assert_eq!(turn.working::<u32>("left"), None, "call {call}");
            assert_eq!(turn.working::<u32>("asked"), None, "call {call}");
        }
    }
}
