//! What a token is bound to, kept in what its holder asks for.
//!
//! Invariant: what is left out is filled in with what the token is bound to; what says something else is
//! refused, never silently changed.

use std::fmt;

use super::super::access::leads_out;
use super::super::error::ApiResult;
use super::super::types::PublishRequest;
use super::Caller;
use crate::events::EventFilter;
use crate::id::Label;

/// What was said, or else what the token is bound to.
pub(super) fn pinned<T: Clone + PartialEq + fmt::Display>(
    what: &str,
    bound: Option<&T>,
    said: Option<T>,
) -> ApiResult<Option<T>> {
    match (bound, said) {
        (Some(bound), Some(said)) if *bound != said => Err(leads_out(what, &bound.to_string())),
        (Some(bound), _) => Ok(Some(bound.clone())),
        (None, said) => Ok(said),
    }
}

impl Caller {
    /// Keep an event that the caller publishes within its bounds.
    pub(crate) fn keep_event(&self, mut request: PublishRequest) -> ApiResult<PublishRequest> {
        let bounds = &self.holder.bounds;
        let text = |bound: Option<&dyn fmt::Display>| bound.map(ToString::to_string);
        let plan = text(bounds.plan.as_ref().map(|bound| bound as _));
        let customer = text(bounds.customer.as_ref().map(|bound| bound as _));
        let user = text(bounds.user.as_ref().map(|bound| bound as _));
        request.plan = pinned("plan", plan.as_ref(), request.plan)?;
        request.customer = pinned("customer", customer.as_ref(), request.customer)?;
        request.user = pinned("user", user.as_ref(), request.user)?;
        Ok(request)
    }

    /// Keep what the caller reads of the log within its bounds.
    pub(crate) fn keep_filter(&self, mut filter: EventFilter) -> ApiResult<EventFilter> {
        filter.plan = pinned("plan", self.plan(), filter.plan)?;
        Ok(filter)
    }

    /// The one plan that the caller is bound to.
    pub(crate) fn plan(&self) -> Option<&Label> {
        self.holder.bounds.plan.as_ref()
    }
}
