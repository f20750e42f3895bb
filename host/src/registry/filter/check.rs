//! What may stand in a filter, and how many steps it takes.
//!
//! Invariant: an expression that passes calls only what is named here, and a walk of it is as deep as
//! [`FILTER_DEPTH_MAX`] at most, whatever was handed in.

use std::collections::BTreeSet;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators,
};

use super::entry::Part;
use super::{FILTER_DEPTH_MAX, FILTER_NODES_MAX};

/// What a look through a text costs in steps: a description has up to 4 KiB.
const TEXT_STEPS: u64 = 32;
/// What a look through a list costs in steps: one has up to 128 values.
const LIST_STEPS: u64 = 16;
/// What a turn of a loop costs beside what it asks: the value, the condition and the result.
const TURN_STEPS: u64 = 6;
/// Functions of a text.
const OF_TEXTS: [&str; 3] = ["contains", "startsWith", "endsWith"];
/// How many values a text, a list or an object has.
const SIZE: &str = "size";
/// What there is, for whoever tried something else.
const THERE_ARE: &str = "there are && || ! == != < <= > >= in ?: [], has(), size(), contains(), startsWith(), endsWith(), \
     and all(), exists(), exists_one() of a list";
/// Operators that compare two values.
const COMPARISONS: [&str; 6] = [
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::LESS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::GREATER_EQUALS,
];

/// What was learnt of an expression.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) parts: BTreeSet<Part>,
    pub(super) steps: u64,
    pub(super) loops: Vec<Loop>,
}

/// Something that is asked of each value of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Loop {
    /// The part of the entry that holds the list.
    pub(super) over: Part,
    /// Steps of a turn.
    pub(super) steps: u64,
}

/// Why an expression is refused.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) reason: String,
    /// Which part of it is meant.
    pub(super) node: Option<u64>,
}

impl Fault {
    fn at(expression: &IdedExpr, reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            node: Some(expression.id),
        }
    }
}

type Walked = Result<(), Fault>;

/// Check an expression.
pub(super) fn check(expression: &IdedExpr) -> Result<Checked, Fault> {
    if let Some(sort) = never_true_or_false(expression) {
        let reason = format!("this is {sort}, and a filter says true or false");
        return Err(Fault::at(expression, reason));
    }
    let mut walk = Walk::default();
    walk.expression(expression, 1)?;
    Ok(walk.found)
}

#[derive(Default)]
struct Walk<'a> {
    found: Checked,
    nodes: u64,
    /// The name of the value that is looked at in a loop.
    item: Option<&'a str>,
    /// Steps of the loop's turn.
    turn: u64,
}

impl<'a> Walk<'a> {
    fn expression(&mut self, expression: &'a IdedExpr, depth: u16) -> Walked {
        self.count(expression, depth)?;
        match &expression.expr {
            Expr::Literal(LiteralValue::Bytes(_)) => {
                Err(Fault::at(expression, "no value of an entry is bytes"))
            }
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.name(expression, name),
            Expr::Select(SelectExpr { operand, .. }) => self.expression(operand, depth + 1),
            Expr::List(list) => {
                for element in &list.elements {
                    if !matches!(element.expr, Expr::Literal(_)) {
                        let reason = "a list in a filter is of values that are written out";
                        return Err(Fault::at(element, reason));
                    }
                    self.expression(element, depth + 1)?;
                }
                Ok(())
            }
            Expr::Call(call) => self.call(expression, call, depth),
            Expr::Comprehension(comprehension) => {
                self.comprehension(expression, comprehension, depth)
            }
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                Err(Fault::at(expression, "a filter makes no objects"))
            }
        }
    }

    fn count(&mut self, expression: &IdedExpr, depth: u16) -> Walked {
        if depth > FILTER_DEPTH_MAX {
            let reason = format!("nested deeper than filter_depth_max, {FILTER_DEPTH_MAX}");
            return Err(Fault::at(expression, reason));
        }
        self.nodes += 1;
        if self.nodes > FILTER_NODES_MAX {
            let reason = format!(
                "more than filter_nodes_max, {FILTER_NODES_MAX} names, values and operators"
            );
            return Err(Fault::at(expression, reason));
        }
        self.take(1);
        Ok(())
    }

    fn take(&mut self, steps: u64) {
        if self.item.is_some() {
            self.turn += steps;
        } else {
            self.found.steps += steps;
        }
    }

    fn name(&mut self, expression: &IdedExpr, name: &str) -> Walked {
        if self.item == Some(name) {
            return Ok(());
        }
        let Some(part) = Part::named(name) else {
            let all: Vec<&str> = Part::ALL.iter().map(|part| part.as_str()).collect();
            let name = name.escape_default();
            let reason = format!(
                "an entry has no `{name}`; it has {}. Texts are written in quotes",
                all.join(", ")
            );
            return Err(Fault::at(expression, reason));
        };
        self.found.parts.insert(part);
        Ok(())
    }

    fn call(&mut self, expression: &'a IdedExpr, call: &'a CallExpr, depth: u16) -> Walked {
        let name = call.func_name.as_str();
        match (name, call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::INDEX, None, [_, _])
            | (operators::LOGICAL_NOT | operators::NEGATE, None, [_])
            | (operators::CONDITIONAL, None, [_, _, _]) => {}
            (SIZE, None, [_]) | (SIZE, Some(_), []) => self.take(TEXT_STEPS),
            (name, Some(_), [_]) if OF_TEXTS.contains(&name) => self.take(TEXT_STEPS),
            (operators::IN, None, [_, _]) => self.take(LIST_STEPS),
            (name, None, [_, _]) if COMPARISONS.contains(&name) => {}
            _ => return Err(not_there(expression, call)),
        }
        for part in call.target.as_deref().into_iter().chain(&call.args) {
            self.expression(part, depth + 1)?;
        }
        match call.args.as_slice() {
            [left, right] if name == operators::IN || COMPARISONS.contains(&name) => {
                one_is_written_out(expression, left, right)
            }
            _ => Ok(()),
        }
    }

    fn comprehension(
        &mut self,
        expression: &'a IdedExpr,
        comprehension: &'a ComprehensionExpr,
        depth: u16,
    ) -> Walked {
        if self.item.is_some() {
            let reason = "what is asked of each value of a list cannot walk another: `tasks`, `consumes` and \
                          `produces` hold those of all capabilities";
            return Err(Fault::at(expression, reason));
        }
        let Some(asked) = asked(comprehension) else {
            let reason = format!("`map` and `filter` make lists; {THERE_ARE}");
            return Err(Fault::at(expression, reason));
        };
        let range = &comprehension.iter_range;
        let Some(over) = root(range).and_then(Part::named) else {
            let reason =
                "only a list of the entry can be walked, such as `tags` or `metadata.regions`";
            return Err(Fault::at(range, reason));
        };
        self.expression(range, depth + 1)?;
        self.item = Some(&comprehension.iter_var);
        self.turn = TURN_STEPS;
        let walked = self.expression(asked, depth + 1);
        self.item = None;
        let steps = self.turn;
        self.found.loops.push(Loop { over, steps });
        walked
    }
}

/// What is asked of each value by `all`, `exists` and `exists_one`, which are written out by the parser: the
/// result so far and what is asked, or if it is asked one more and else the result so far.
fn asked(comprehension: &ComprehensionExpr) -> Option<&IdedExpr> {
    let Expr::Call(step) = &comprehension.loop_step.expr else {
        return None;
    };
    let Expr::Literal(begins) = &comprehension.accu_init.expr else {
        return None;
    };
    match (begins, step.func_name.as_str(), step.args.as_slice()) {
        (LiteralValue::Boolean(_), operators::LOGICAL_AND | operators::LOGICAL_OR, [_, asked])
        | (LiteralValue::Int(_), operators::CONDITIONAL, [asked, _, _]) => Some(asked),
        _ => None,
    }
}

/// The name that a path begins with: `metadata` of `metadata.a["b"]`.
fn root(expression: &IdedExpr) -> Option<&str> {
    let mut expression = expression;
    loop {
        match &expression.expr {
            Expr::Ident(name) => return Some(name),
            Expr::Select(select) if !select.test => expression = &select.operand,
            Expr::Call(call) if call.func_name == operators::INDEX => {
                expression = call.args.first()?;
            }
            _ => return None,
        }
    }
}

/// Two long values of an entry would be compared to their ends.
fn one_is_written_out(expression: &IdedExpr, left: &IdedExpr, right: &IdedExpr) -> Walked {
    let is_written_out = |side: &IdedExpr| matches!(side.expr, Expr::Literal(_) | Expr::List(_));
    if is_written_out(left) || is_written_out(right) {
        return Ok(());
    }
    let reason = "one side is a value that is written out, such as 'tool', 3 or ['a', 'b']";
    Err(Fault::at(expression, reason))
}

fn not_there(expression: &IdedExpr, call: &CallExpr) -> Fault {
    let name = call.func_name.as_str();
    let reason = match name {
        "matches" => format!("there are no regular expressions; {THERE_ARE}"),
        _ => {
            let sign = name.trim_matches('_').escape_default();
            format!("`{sign}` cannot be used so; {THERE_ARE}")
        }
    };
    Fault::at(expression, reason)
}

/// What an expression says if that can never be true or false.
fn never_true_or_false(expression: &IdedExpr) -> Option<&'static str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::Boolean(_)) => None,
        Expr::Literal(_) => Some("a value"),
        Expr::List(_) => Some("a list"),
        Expr::Ident(name) => Part::named(name).and_then(Part::sort),
        Expr::Call(call) => match call.func_name.as_str() {
            SIZE | operators::NEGATE => Some("a number"),
            _ => None,
        },
        _ => None,
    }
}
