//! Of whom: everybody in the tenant, one of its customers, or one user.

use crate::id::{CustomerId, UserId};
use crate::identity::TenantScope;

/// Whose data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Everybody's in the tenant.
    Tenant,
    /// A customer's: its own and all its users'.
    Customer(CustomerId),
    /// A user's: of this customer, or of none.
    User {
        /// Of which customer.
        customer: Option<CustomerId>,
        /// Which.
        user: UserId,
    },
}

impl Subject {
    /// For whom a scope speaks: the tenant if it names neither customer nor user.
    pub fn of(scope: &TenantScope) -> Self {
        match (scope.customer(), scope.user()) {
            (None, None) => Self::Tenant,
            (Some(customer), None) => Self::Customer(customer.clone()),
            (customer, Some(user)) => Self::User {
                customer: customer.cloned(),
                user: user.clone(),
            },
        }
    }

    /// Whether what belongs to this customer and user is the subject's.
    pub fn has(&self, customer: Option<&CustomerId>, user: Option<&UserId>) -> bool {
        match self {
            Self::Tenant => true,
            Self::Customer(mine) => customer == Some(mine),
            Self::User {
                customer: of,
                user: mine,
            } => customer == of.as_ref() && user == Some(mine),
        }
    }

    /// The customer whose rows to look at; none: of any or none.
    pub fn customer(&self) -> Option<&CustomerId> {
        match self {
            Self::Tenant => None,
            Self::Customer(customer) => Some(customer),
            Self::User { customer, .. } => customer.as_ref(),
        }
    }

    /// The user whose rows to look at.
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::Tenant | Self::Customer(_) => None,
            Self::User { user, .. } => Some(user),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_has_its_users_and_a_user_nobody_else() {
        let acme = || CustomerId::new("acme").unwrap();
        let ann = || UserId::new("ann").unwrap();
        let subjects = [
            Subject::Tenant,
            Subject::Customer(acme()),
            Subject::User {
                customer: Some(acme()),
                user: ann(),
            },
            Subject::User {
                customer: None,
                user: ann(),
            },
        ];
        for (customer, user, expected) in [
            (Some(acme()), Some(ann()), [true, true, true, false]),
            (Some(acme()), None, [true, true, false, false]),
            (None, Some(ann()), [true, false, false, true]),
            (None, None, [true, false, false, false]),
        ] {
            let got = subjects
                .clone()
                .map(|subject| subject.has(customer.as_ref(), user.as_ref()));
            assert_eq!(got, expected, "{customer:?} {user:?}");
        }
    }
}
