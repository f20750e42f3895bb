//! Ships what has an invoice.
//!
//! Its `InvoiceIssued` is its own: agents share events, not code, and it reads only what it needs.

use serde::{Deserialize, Serialize};
use warren_agent::{Agent, Context, Event, Failure, payload};

/// There is an invoice for an order.
#[derive(Serialize, Deserialize)]
pub struct InvoiceIssued {
    /// Number of the order.
    pub order: String,
}
payload!(InvoiceIssued: BusinessFacts, "invoice.issued", description = "An order has its invoice.");

/// A parcel is on its way.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct ParcelShipped {
    /// Number of the order.
    pub order: String,
    /// Number of the parcel.
    pub parcel: String,
}
payload!(ParcelShipped: BusinessFacts, "parcel.shipped", description = "A parcel is on its way.");

/// The declaration.
pub fn agent() -> Agent {
    Agent::new("parcels")
        .describe("Ships what has an invoice.")
        .on(ship)
        .produces::<ParcelShipped>()
}
warren_agent::export!(agent);

fn ship(ctx: &Context, issued: Event<InvoiceIssued>) -> Result<(), Failure> {
    let order = issued.data.order;
    ctx.log().with("order", &order).info("shipping");
    ctx.publish(&ParcelShipped {
        parcel: format!("PAR-{order}"),
        order,
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use warren_agent::testing::TestHost;

    use super::*;

    #[test]
    fn each_invoice_ships_a_parcel() {
        let issued = InvoiceIssued {
            order: "A-1".into(),
        };
        let turn = TestHost::new().handle(&agent(), Event::new(issued));
        let expect = ParcelShipped {
            order: "A-1".into(),
            parcel: "PAR-A-1".into(),
        };
        assert_eq!(turn.published::<ParcelShipped>(), [expect]);
    }
}
