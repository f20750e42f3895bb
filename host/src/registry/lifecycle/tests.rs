//! Thresholds at and just before them; which changes are allowed.

use ServiceState::{Active, Degraded, Offline, Paused, Unhealthy};

use super::*;

#[test]
fn missed_heartbeats_are_counted_from_the_last_one() {
    let ttl_ms = 300_000;
    let table = [
        (0, 0, Active),
        (59_999, 0, Active),
        (60_000, 1, Active),
        (119_999, 1, Active),
        (120_000, 2, Degraded),
        (239_999, 3, Degraded),
        (240_000, 4, Unhealthy),
        (299_999, 4, Unhealthy),
        (300_000, 5, Offline),
        (u64::MAX, u32::MAX, Offline),
    ];
    for (silent_ms, missed, state) in table {
        let got = missed_beats(silent_ms, ttl_ms);
        assert_eq!(state_by_beats(got), state, "{silent_ms}");
        if silent_ms < u64::MAX {
            assert_eq!(got, missed, "{silent_ms}");
        }
    }
    assert_eq!(missed_beats(u64::MAX, 0), 0, "it never sends any");
}

#[test]
fn health_means_a_state_at_its_thresholds_and_not_before() {
    let health = |text: &str| serde_json::from_str::<Health>(text).unwrap().state();
    let table = [
        ("{}", Active),
        (r#"{"status":"ok"}"#, Active),
        (r#"{"status":"degraded"}"#, Degraded),
        (r#"{"status":"unhealthy"}"#, Unhealthy),
        (r#"{"cpu":89.9,"memory":89.9,"errors":9}"#, Active),
        (r#"{"cpu_percent":90}"#, Degraded),
        (r#"{"memory_percent":90}"#, Degraded),
        (r#"{"memory_percent":98}"#, Unhealthy),
        (r#"{"errors":10}"#, Degraded),
        (r#"{"errors":99}"#, Degraded),
        (r#"{"errors":100}"#, Unhealthy),
        (r#"{"status":"ok","errors":100}"#, Unhealthy),
        (r#"{"connections":7,"uptime_s":9}"#, Active),
    ];
    for (text, state) in table {
        assert_eq!(health(text), state, "{text}");
    }
}

#[test]
fn shares_are_checked_at_and_past_their_bounds() {
    for (share, good) in [
        (0.0, true),
        (100.0, true),
        (100.1, false),
        (-0.1, false),
        (f64::NAN, false),
    ] {
        let health = Health {
            cpu_percent: Some(share),
            ..Health::default()
        };
        assert_eq!(health.check().is_ok(), good, "{share}");
    }
}

#[test]
fn a_change_is_allowed_or_refused_with_what_is() {
    for from in ServiceState::ALL {
        for to in ServiceState::ALL {
            let refused = from.check_change(to).err().map(|error| error.to_string());
            let allowed = from == to || from.may_become().contains(&to);
            assert_eq!(refused.is_none(), allowed, "{from} {to}");
            let Some(told) = refused else { continue };
            for next in from.may_become() {
                assert!(told.contains(next.as_str()), "{told}");
            }
        }
    }
    assert!(Paused.check_change(Degraded).is_err());
    let told = Offline.check_change(Active).unwrap_err().to_string();
    assert!(told.contains("heartbeat"), "{told}");
    assert_eq!(
        Unhealthy.max(Degraded),
        Unhealthy,
        "the worse of two counts"
    );
}
