//! Writes an invoice for each order.

use serde::{Deserialize, Serialize};
use warren_agent::{Agent, Context, Event, Failure, payload};

/// Somebody ordered something.
#[derive(Serialize, Deserialize)]
pub struct OrderPlaced {
    /// Number of the order.
    pub order: String,
    /// What one costs, in cents.
    pub price_cents: u64,
    /// How many.
    pub quantity: u64,
}
payload!(OrderPlaced: BusinessFacts, "order.placed", description = "Somebody ordered something.");

/// There is an invoice for an order.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct InvoiceIssued {
    /// Number of the invoice.
    pub invoice: String,
    /// Number of the order.
    pub order: String,
    /// What is to be paid.
    pub total_cents: u64,
}
payload!(InvoiceIssued: BusinessFacts, "invoice.issued", description = "An order has its invoice.");

/// The declaration.
pub fn agent() -> Agent {
    Agent::new("invoices")
        .describe("Writes an invoice for each order.")
        .on(invoice)
        .produces::<InvoiceIssued>()
}
warren_agent::export!(agent);

fn invoice(ctx: &Context, placed: Event<OrderPlaced>) -> Result<(), Failure> {
    let order = placed.data;
    let Some(total_cents) = order.price_cents.checked_mul(order.quantity) else {
        return Err(Failure::reject(format!(
            "nobody can pay for order {}",
            order.order
        )));
    };
    ctx.publish(&InvoiceIssued {
        invoice: format!("INV-{}", order.order),
        order: order.order,
        total_cents,
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use warren_agent::testing::TestHost;

    use super::*;

    fn order(price_cents: u64) -> Event<OrderPlaced> {
        Event::new(OrderPlaced {
            order: "A-1".into(),
            price_cents,
            quantity: 2,
        })
    }

    #[test]
    fn the_total_is_price_times_quantity() {
        let turn = TestHost::new().handle(&agent(), order(1_250));
        let expect = InvoiceIssued {
            invoice: "INV-A-1".into(),
            order: "A-1".into(),
            total_cents: 2_500,
        };
        assert_eq!(turn.published::<InvoiceIssued>(), [expect]);
    }

    #[test]
    fn what_nobody_can_pay_is_a_dead_letter() {
        let turn = TestHost::new().handle(&agent(), order(u64::MAX));
        assert_eq!(
            turn.result(),
            &Err(Failure::reject("nobody can pay for order A-1"))
        );
        assert!(turn.events().is_empty());
    }
}
