//! The codes of problems: stable words that clients decide on.

use axum::http::StatusCode as S;

/// What sort of problem: the codes are part of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Malformed,
    Invalid,
    Unauthenticated,
    Denied,
    Suspended,
    NotFound,
    MethodNotAllowed,
    Timeout,
    Conflict,
    TooLarge,
    UnsupportedMediaType,
    Exhausted,
    Internal,
    CallFailed,
    CallUnanswered,
    Unavailable,
    CallTimeout,
    StorageFull,
    Misdirected,
}

impl Code {
    /// All of them, for the table in the documentation and its test.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 19] = [
        Self::Malformed,
        Self::Invalid,
        Self::Unauthenticated,
        Self::Denied,
        Self::Suspended,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::Conflict,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::Exhausted,
        Self::Internal,
        Self::CallFailed,
        Self::CallUnanswered,
        Self::Unavailable,
        Self::CallTimeout,
        Self::StorageFull,
        Self::Misdirected,
    ];

    /// Status, code and title.
    pub(crate) const fn parts(self) -> (S, &'static str, &'static str) {
        match self {
            Self::Malformed => (S::BAD_REQUEST, "malformed", "The request cannot be read"),
            Self::Invalid => (
                S::UNPROCESSABLE_ENTITY,
                "invalid",
                "The request breaks a rule",
            ),
            Self::Unauthenticated => (S::UNAUTHORIZED, "unauthenticated", "No valid API key"),
            Self::Denied => (S::FORBIDDEN, "denied", "Not allowed"),
            Self::Suspended => (S::FORBIDDEN, "suspended", "Suspended by the operator"),
            Self::NotFound => (S::NOT_FOUND, "not_found", "Not found"),
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "The method does not fit the resource",
            ),
            Self::Timeout => (S::REQUEST_TIMEOUT, "timeout", "The request took too long"),
            Self::Conflict => (S::CONFLICT, "conflict", "It contradicts what is there"),
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, "too_large", "Over a size limit"),
            Self::UnsupportedMediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The content type does not fit",
            ),
            Self::Exhausted => (S::TOO_MANY_REQUESTS, "exhausted", "A limit is used up"),
            Self::Internal => (
                S::INTERNAL_SERVER_ERROR,
                "internal",
                "Something broke in the host",
            ),
            Self::CallFailed => (S::BAD_GATEWAY, "call_failed", "The agent could not answer"),
            Self::CallUnanswered => (
                S::BAD_GATEWAY,
                "call_unanswered",
                "The agent finished without an answer",
            ),
            Self::Unavailable => (
                S::SERVICE_UNAVAILABLE,
                "unavailable",
                "Not available right now",
            ),
            Self::CallTimeout => (
                S::GATEWAY_TIMEOUT,
                "call_timeout",
                "The agent has not answered yet",
            ),
            Self::StorageFull => (
                S::INSUFFICIENT_STORAGE,
                "storage_full",
                "No room to store it",
            ),
            Self::Misdirected => (
                S::MISDIRECTED_REQUEST,
                "misdirected",
                "The request is for another host",
            ),
        }
    }

    /// The code for a bare status, as frameworks answer with.
    pub(crate) fn of_status(status: S) -> Self {
        match status {
            S::UNAUTHORIZED => Self::Unauthenticated,
            S::FORBIDDEN => Self::Denied,
            S::NOT_FOUND => Self::NotFound,
            S::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            S::REQUEST_TIMEOUT => Self::Timeout,
            S::PAYLOAD_TOO_LARGE => Self::TooLarge,
            S::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            S::UNPROCESSABLE_ENTITY => Self::Invalid,
            S::TOO_MANY_REQUESTS => Self::Exhausted,
            S::SERVICE_UNAVAILABLE => Self::Unavailable,
            S::INSUFFICIENT_STORAGE => Self::StorageFull,
            S::MISDIRECTED_REQUEST => Self::Misdirected,
            status if status.is_client_error() => Self::Malformed,
            _ => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct_words() {
        let words: BTreeSet<_> = Code::ALL.iter().map(|code| code.parts().1).collect();
        assert_eq!(words.len(), Code::ALL.len());
    }
}
