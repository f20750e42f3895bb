//! Who sees a row of memory, as text that SQL compares: the whole rule is equality with one of three texts.
//!
//! An *owner* is the customer and user on whose behalf something was written; having none is an owner of
//! its own, not all of them. A *domain* is a visibility with as much of the owner as it depends on:
//!
//! | visibility | domain             | seen by                                   |
//! |------------|--------------------|-------------------------------------------|
//! | private    | `private =<c> =<u>`| the same user of the same customer        |
//! | customer   | `customer =<c>`    | every user of that customer               |
//! | tenant     | `tenant`           | everybody in the tenant                   |
//!
//! An id that is not there is written as nothing, one that is there after `=`. Ids hold no spaces (see
//! `id`), so no two owners share a text. A scope sees exactly [`domains_seen`], and nothing widens it:
//! not even a scope without customer and user sees what belongs to one.

use rusqlite::ToSql;

use crate::id::{CustomerId, UserId};
use crate::identity::TenantScope;
use crate::memory::{Subject, Visibility};

/// The owner that a customer and a user make.
pub(super) fn owner(customer: Option<&CustomerId>, user: Option<&UserId>) -> String {
    format!(
        "{} {}",
        present(customer.map(CustomerId::as_str)),
        present(user.map(UserId::as_str))
    )
}

/// The domain of an entry.
pub(super) fn domain(
    visibility: Visibility,
    customer: Option<&CustomerId>,
    user: Option<&UserId>,
) -> String {
    match visibility {
        Visibility::Private => format!("private {}", owner(customer, user)),
        Visibility::Customer => {
            format!("customer {}", present(customer.map(CustomerId::as_str)))
        }
        Visibility::Tenant => "tenant".to_owned(),
    }
}

/// The domains that a scope sees.
pub(super) fn domains_seen(scope: &TenantScope) -> [String; 3] {
    [
        Visibility::Private,
        Visibility::Customer,
        Visibility::Tenant,
    ]
    .map(|visibility| domain(visibility, scope.customer(), scope.user()))
}

/// What a row of a customer and a user must be to be a subject's.
pub(super) struct Whose {
    customer: Option<String>,
    user: Option<String>,
    /// A user of no customer is not the user of that name of any.
    of_none: bool,
}

impl Whose {
    /// Of a subject.
    pub(super) fn of(subject: &Subject) -> Self {
        Self {
            customer: subject.customer().map(ToString::to_string),
            user: subject.user().map(ToString::to_string),
            of_none: matches!(subject, Subject::User { customer: None, .. }),
        }
    }

    /// The condition, on two columns. Parameters 1 to 3 are [`Self::params`].
    pub(super) fn condition(customer: &str, user: &str) -> String {
        format!(
            "(?1 IS NULL OR {customer} = ?1) AND (?2 IS NULL OR {user} = ?2)
             AND (?3 = 0 OR {customer} IS NULL)"
        )
    }

    /// See [`Self::condition`].
    pub(super) fn params(&self) -> [&dyn ToSql; 3] {
        [&self.customer, &self.user, &self.of_none]
    }
}

fn present(id: Option<&str>) -> String {
    id.map(|id| format!("={id}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_owners_share_a_text() {
        let customers = [None, Some("a"), Some("="), Some("=a"), Some("-")]
            .map(|id| id.map(|id| CustomerId::new(id).unwrap()));
        let users = [None, Some("a"), Some("="), Some("=a"), Some("-")]
            .map(|id| id.map(|id| UserId::new(id).unwrap()));
        let mut seen = std::collections::HashSet::new();
        for customer in &customers {
            for user in &users {
                assert!(seen.insert(owner(customer.as_ref(), user.as_ref())));
            }
        }
    }
}
