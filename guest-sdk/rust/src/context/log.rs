//! The agent's log.

use std::fmt::Display;

use crate::host::{Backend, Host as _};

/// How much a line of the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Steps, for whoever looks closely.
    Trace,
    /// What was decided and why.
    Debug,
    /// What was done.
    Info,
    /// What is odd but was dealt with.
    Warn,
    /// What went wrong.
    Error,
}

/// The agent's log, kept with the turn, failed turns included. Made by
/// [`Context::log`](crate::Context::log).
///
/// ```
/// # use warren_agent::Context;
/// # fn f(ctx: &Context, order: &str) {
/// ctx.log().with("order", order).info("invoice written");
/// # }
/// ```
#[derive(Clone)]
pub struct Log<'a> {
    host: &'a Backend,
    fields: Vec<(String, String)>,
}

impl<'a> Log<'a> {
    pub(super) fn new(host: &'a Backend) -> Self {
        Self {
            host,
            fields: Vec::new(),
        }
    }

    /// The log with this field on every line.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.fields.push((name.into(), value.to_string()));
        self
    }

    /// Steps, for whoever looks closely.
    pub fn trace(&self, message: impl AsRef<str>) {
        self.write(Level::Trace, message.as_ref());
    }

    /// What was decided and why.
    pub fn debug(&self, message: impl AsRef<str>) {
        self.write(Level::Debug, message.as_ref());
    }

    /// What was done.
    pub fn info(&self, message: impl AsRef<str>) {
        self.write(Level::Info, message.as_ref());
    }

    /// What is odd but was dealt with.
    pub fn warn(&self, message: impl AsRef<str>) {
        self.write(Level::Warn, message.as_ref());
    }

    /// What went wrong.
    pub fn error(&self, message: impl AsRef<str>) {
        self.write(Level::Error, message.as_ref());
    }

    /// A line of this level: at most 8 KiB each and 64 KiB a turn, the rest is cut.
    pub fn write(&self, level: Level, message: &str) {
        self.host.get().log(level, message, &self.fields);
    }
}
