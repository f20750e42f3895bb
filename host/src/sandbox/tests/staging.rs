//! Each limit of what a turn may stage, read and log: at it, and one past it.

use super::*;
use crate::error::Error;
use crate::turn::{Draft, LogLevel, When};

/// A turn with these limits, whose guest is left out.
fn turn(limits: TurnLimits) -> Box<Turn> {
    Bench::new(Guest::default()).turn_within(limits)
}

fn draft(data: String) -> Draft {
    Draft {
        topic: "business-facts".into(),
        event_type: "probe.told".into(),
        data,
        subject: None,
        schema: None,
        correlation: None,
        session: None,
        goal: None,
        plan: None,
        task: None,
        reply_to: None,
        extensions: Vec::new(),
    }
}

fn passed(result: Result<(), Error>) -> Option<(&'static str, u64)> {
    match result {
        Ok(()) => None,
        Err(Error::Exhausted { limit, max, .. }) => Some((limit, max)),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_a_turn_may_stage_holds_at_each_limit_and_one_past() {
    let limits = TurnLimits {
        writes_max: 3,
        events_max: 3,
        ..TurnLimits::default()
    };
    let mut turn = turn(limits);
    for n in 0..3 {
        let put = turn.working_put(&format!("k{n}"), "1", None).await;
        assert_eq!(passed(put), None);
        let told = turn.publish(draft("1".into()), When::After(n)).await;
        assert_eq!(passed(told.map(|_| ())), None);
    }
    let again = turn.working_put("k0", "2", None).await;
    assert_eq!(passed(again), None, "the same key takes no more room");
    let put = turn.working_put("k3", "1", None).await;
    assert_eq!(passed(put), Some(("turn_writes_max", 3)));
    let told = turn.publish(draft("1".into()), When::Commit).await;
    assert_eq!(passed(told.map(|_| ())), Some(("turn_events_max", 3)));
}

/// A write counts its key, its value and a row, an event its payload and what it carries besides.
#[tokio::test]
async fn the_bytes_that_a_turn_stages_hold_at_the_limit_and_one_past() {
    let of = |max| {
        turn(TurnLimits {
            output_bytes_max: max,
            ..TurnLimits::default()
        })
    };
    let (row, event) = (64 + 1 + 8, 256 + 8);
    for (max, expect) in [
        (row + event, None),
        (
            row + event - 1,
            Some(("turn_output_bytes_max", (row + event - 1) as u64)),
        ),
    ] {
        let mut turn = of(max);
        let put = turn.working_put("k", "12345678", None).await;
        assert_eq!(passed(put), None);
        let told = turn.publish(draft("12345678".into()), When::Commit).await;
        assert_eq!(passed(told.map(|_| ())), expect);
        let smaller = turn.working_put("k", "1", None).await;
        assert_eq!(passed(smaller), None, "what is replaced makes room");
    }
}

#[tokio::test]
async fn the_bytes_that_a_turn_reads_hold_at_the_limit_and_one_past() {
    let mut turn = turn(TurnLimits {
        read_bytes_max: 30,
        ..TurnLimits::default()
    });
    for key in ["0123456789", "1123456789", "2123456789"] {
        let read = turn.working_get(key).await;
        assert_eq!(passed(read.map(|_| ())), None);
    }
    let again = turn.working_get("0123456789").await;
    assert_eq!(passed(again.map(|_| ())), None, "it was read before");
    let more = turn.working_get("3").await;
    assert_eq!(passed(more.map(|_| ())), Some(("turn_read_bytes_max", 30)));
}

#[test]
fn calls_of_a_turn_hold_at_the_limits_and_one_past() {
    let mut calls = turn(TurnLimits {
        host_calls_max: 2,
        host_bytes_max: 10,
        ..TurnLimits::default()
    });
    assert!(calls.count_host_call(4).is_ok());
    assert!(calls.count_host_call(6).is_ok());
    let more = calls.count_host_call(0).expect_err("a third call");
    assert_eq!((more.limit, more.max), ("turn_host_calls_max", 2));
    let mut bytes = turn(TurnLimits {
        host_bytes_max: 10,
        ..TurnLimits::default()
    });
    let more = bytes.count_host_call(11).expect_err("an eleventh byte");
    assert_eq!((more.limit, more.max), ("turn_host_bytes_max", 10));
    let more = bytes.count_host_call(usize::MAX).expect_err("no overflow");
    assert_eq!(more.limit, "turn_host_bytes_max");
}

#[test]
fn lines_and_logs_hold_at_their_limits_and_one_past() {
    let limits = TurnLimits {
        log_line_bytes_max: 8,
        log_bytes_max: 24,
        ..TurnLimits::default()
    };
    let cut = " … (cut)";
    let whole = "log limit of 24 bytes reached";
    for (lines, expect) in [
        (&["12345678"][..], vec!["12345678".to_owned()]),
        (&["123456789"], vec![format!("12345678{cut}")]),
        (
            &["1234567\u{7}", "a\u{202e}"],
            // What says that a line was cut counts with it.
            vec![format!("1234567{cut}"), format!("a{cut}"), whole.to_owned()],
        ),
        (
            &["12345678", "12345678", "1234567"],
            vec!["12345678".into(), "12345678".into(), "1234567".into()],
        ),
        (
            &["12345678", "12345678", "12345678", "not kept"],
            vec![
                "12345678".into(),
                "12345678".into(),
                "12345678".into(),
                whole.into(),
            ],
        ),
    ] {
        let mut turn = turn(limits);
        for line in lines {
            turn.log(LogLevel::Info, line, &[]);
        }
        let logs = turn.finish().logs;
        let logs: Vec<String> = logs.into_iter().map(|line| line.message).collect();
        assert_eq!(logs, expect);
    }
}

/// An empty line takes a byte of the log, or a million of them would be free; of fields past the last the number is kept.
#[test]
fn lines_without_text_and_many_fields_are_bounded() {
    let mut empty = turn(TurnLimits {
        log_bytes_max: 3,
        ..TurnLimits::default()
    });
    for _ in 0..1_000 {
        empty.log(LogLevel::Info, "", &[]);
    }
    assert_eq!(empty.finish().logs.len(), 4);
    let mut wide = turn(TurnLimits::default());
    let field = ("name".to_owned(), "value".to_owned());
    wide.log(LogLevel::Info, "wide", &vec![field; 100_000]);
    let fields = &wide.finish().logs[0].fields;
    assert_eq!(
        (fields.len(), fields[32].1.as_str()),
        (33, "99968 more (cut)")
    );
}
