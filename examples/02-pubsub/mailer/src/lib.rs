//! Tells customers that their parcel is on its way.

use serde::{Deserialize, Serialize};
use warren_agent::{Agent, Context, Event, Failure, payload};

/// A parcel is on its way.
#[derive(Serialize, Deserialize)]
pub struct ParcelShipped {
    /// Number of the order.
    pub order: String,
    /// Number of the parcel.
    pub parcel: String,
}
payload!(ParcelShipped: BusinessFacts, "parcel.shipped", description = "A parcel is on its way.");

/// What a customer should be told.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomerTold {
    /// The words.
    pub text: String,
}
payload!(CustomerTold: NotificationEvents, "customer.told", description = "Words for a customer.");

/// The declaration.
pub fn agent() -> Agent {
    Agent::new("mailer")
        .describe("Tells customers that their parcel is on its way.")
        .on(tell)
        .produces::<CustomerTold>()
}
warren_agent::export!(agent);

fn tell(ctx: &Context, shipped: Event<ParcelShipped>) -> Result<(), Failure> {
    let ParcelShipped { order, parcel } = shipped.data;
    ctx.publish(&CustomerTold {
        text: format!("Your order {order} is on its way as parcel {parcel}."),
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use warren_agent::testing::TestHost;

    use super::*;

    #[test]
    fn the_customer_learns_order_and_parcel() {
        let shipped = ParcelShipped {
            order: "A-1".into(),
            parcel: "P-9".into(),
        };
        let turn = TestHost::new().handle(&agent(), Event::new(shipped));
        let text = "Your order A-1 is on its way as parcel P-9.".into();
        assert_eq!(turn.published::<CustomerTold>(), [CustomerTold { text }]);
    }
}
