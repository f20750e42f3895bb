//! Erasure: everything that is kept of a customer or a user goes, and nothing of it is left on the disk.

use async_trait::async_trait;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::identity::{Principal, TenantScope};

use super::Subject;

/// How many rows went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Erased {
    /// Events of the log.
    pub events: u64,
    /// Turns on them, dead letters included.
    pub turns: u64,
    /// Events that waited for their time.
    pub scheduled: u64,
    /// Knowledge entries; each chunk of a document counts.
    pub knowledge: u64,
    /// Episodes.
    pub episodes: u64,
    /// Sessions.
    pub sessions: u64,
    /// Values of working memory that only turns on behalf of the subject wrote.
    pub working: u64,
    /// Values of working memory that turns on behalf of several users wrote. They belong to the agent or
    /// the plan and stay; whoever must know what is in them looks.
    pub working_shared: u64,
}

/// Erases.
#[async_trait]
pub trait Eraser: Send + Sync {
    /// Remove every row of a customer or a user that was committed before this call, then rewrite the
    /// database so that nothing of them is left in free pages or the log. Writes of the tenant wait for the
    /// rewriting, seconds for a gigabyte. A call that failed half-way is repeated.
    ///
    /// # Errors
    /// `Denied` unless [`authorise`] lets it, `Invalid` for a whole tenant, `Unavailable` if the disk has no
    /// room for the rewriting or a reader did not end.
    async fn erase(&self, scope: &TenantScope, of: &Subject) -> Result<Erased>;
}

/// Whether whoever asks may have a subject erased: a client of the tenant, for the customer and the user
/// it speaks for, or for any if it speaks for none. An agent may not: it works for the user of one event.
///
/// # Errors
/// `Denied`; `Invalid` for the tenant, which is erased by deleting it.
pub fn authorise(scope: &TenantScope, of: &Subject) -> Result<()> {
    let denied = || Error::Denied {
        what: "erasing a customer or a user".into(),
        grant: "ownership".into(),
    };
    if !matches!(scope.principal(), Principal::Client(_)) {
        return Err(denied());
    }
    match of {
        Subject::Tenant => Err(Error::invalid(
            "of",
            "is the whole tenant: a tenant is erased by deleting it",
        )),
        Subject::Customer(customer) => {
            let speaks = scope.customer().is_none_or(|mine| mine == customer);
            let whole = scope.user().is_none();
            (speaks && whole).then_some(()).ok_or_else(denied)
        }
        Subject::User { customer, user } => {
            let nobody = scope.customer().is_none() && scope.user().is_none();
            let of_customer = scope.customer() == customer.as_ref();
            let speaks = scope.user().is_none_or(|mine| mine == user);
            let good = nobody || (of_customer && speaks);
            good.then_some(()).ok_or_else(denied)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AgentName, CustomerId, KeyName, TenantId, UserId};

    fn client(customer: Option<&str>, user: Option<&str>) -> TenantScope {
        TenantScope::for_request(
            TenantId::generate(),
            KeyName::new("test").unwrap(),
            customer.map(|id| CustomerId::new(id).unwrap()),
            user.map(|id| UserId::new(id).unwrap()),
        )
    }

    #[test]
    fn a_client_erases_whom_it_speaks_for_and_an_agent_nobody() {
        let acme = || CustomerId::new("acme").unwrap();
        let customer = Subject::Customer(acme());
        let user = |customer| Subject::User {
            customer,
            user: UserId::new("ann").unwrap(),
        };
        let subjects = [customer, user(Some(acme())), user(None), Subject::Tenant];
        for (scope, expected) in [
            (client(None, None), [true, true, true, false]),
            (client(Some("acme"), None), [true, true, false, false]),
            (client(Some("bolt"), None), [false, false, false, false]),
            (
                client(Some("acme"), Some("ann")),
                [false, true, false, false],
            ),
            (
                client(Some("acme"), Some("bob")),
                [false, false, false, false],
            ),
            (client(None, Some("ann")), [false, false, true, false]),
        ] {
            let got = subjects.clone().map(|of| authorise(&scope, &of).is_ok());
            assert_eq!(got, expected, "{scope:?}");
        }
        let agent = AgentName::new("worker").unwrap();
        let turn = TenantScope::for_turn(TenantId::generate(), agent, Some(acme()), None);
        assert!(subjects.iter().all(|of| authorise(&turn, of).is_err()));
    }
}
