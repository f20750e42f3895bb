//! What a check finds when somebody was at the rows.

use super::*;

fn rows(count: u64) -> Vec<AuditRow> {
    let mut previous = RowHash::BEGINNING;
    let row = |seq| {
        let (at, record) = (Timestamp(seq as i64 * 10), format!("{{\"n\":{seq}}}"));
        let hash = previous.next(seq, at, &record);
        let row = AuditRow {
            seq,
            at,
            record,
            previous,
            hash,
        };
        previous = hash;
        row
    };
    (1..=count).map(row).collect()
}

fn ends(rows: &[AuditRow]) -> AuditEnds {
    let last = rows.last().unwrap();
    AuditEnds {
        forgotten: 0,
        forgotten_hash: RowHash::BEGINNING,
        head: last.seq,
        head_hash: last.hash,
    }
}

fn check(rows: &[AuditRow], ends: &AuditEnds) -> std::result::Result<(), Tampering> {
    let mut check = ChainCheck::begin(ends);
    rows.iter().try_for_each(|row| check.row(row))?;
    check.end(ends)
}

#[test]
fn what_was_done_to_rows_is_found_and_the_row_named() {
    let good = rows(5);
    let ends = ends(&good);
    assert_eq!(check(&good, &ends), Ok(()));
    let tampered = |change: fn(&mut Vec<AuditRow>), expect: Tampering| {
        let mut rows = good.clone();
        change(&mut rows);
        assert_eq!(check(&rows, &ends), Err(expect));
    };
    tampered(|rows| rows[2].record.push(' '), Tampering::Changed(3));
    tampered(|rows| rows[2].at = Timestamp(31), Tampering::Changed(3));
    tampered(
        |rows| rows[2].hash = RowHash([9; 32]),
        Tampering::Changed(3),
    );
    tampered(|rows| drop(rows.remove(2)), Tampering::Missing(3));
    tampered(|rows| drop(rows.remove(0)), Tampering::Missing(1));
    tampered(|rows| drop(rows.pop()), Tampering::Missing(5));
    tampered(Vec::clear, Tampering::Missing(1));
    tampered(|rows| rows.swap(1, 2), Tampering::Missing(2));
    // Reordered, numbers and hashes made anew for the two.
    tampered(
        |rows| {
            let (two, three) = (rows[1].record.clone(), rows[2].record.clone());
            (rows[1].record, rows[2].record) = (three, two);
            rows[1].hash = rows[1].previous.next(2, rows[1].at, &rows[1].record);
            rows[2].previous = rows[1].hash;
            rows[2].hash = rows[2].previous.next(3, rows[2].at, &rows[2].record);
        },
        Tampering::Unlinked(4),
    );
    // The last row rewritten with a hash that fits: the head tells.
    tampered(
        |rows| {
            rows[4].record = "{}".into();
            rows[4].hash = rows[4].previous.next(5, rows[4].at, "{}");
        },
        Tampering::Changed(5),
    );
    // A row put in with everything after it made anew.
    tampered(
        |rows| {
            for index in 2..5 {
                rows[index].record = "{}".into();
                rows[index].previous = rows[index - 1].hash;
                rows[index].hash = rows[index]
                    .previous
                    .next(rows[index].seq, rows[index].at, "{}");
            }
        },
        Tampering::Changed(5),
    );
}

#[test]
fn a_log_goes_on_after_what_was_forgotten() {
    let all = rows(5);
    let mut later = ends(&all);
    (later.forgotten, later.forgotten_hash) = (2, all[1].hash);
    assert_eq!(check(&all[2..], &later), Ok(()));
    assert_eq!(check(&all[3..], &later), Err(Tampering::Missing(3)));
    later.forgotten_hash = RowHash([1; 32]);
    assert_eq!(check(&all[2..], &later), Err(Tampering::Unlinked(3)));
}

/// The recipe of the documentation, as another program would follow it.
#[test]
fn the_hash_is_what_the_documentation_says() {
    let mut text = vec![0_u8; 32];
    text.extend([0, 0, 0, 0, 0, 0, 0, 1]);
    text.extend([0, 0, 0, 0, 0, 0, 0, 10]);
    text.extend(b"{\"n\":1}");
    let expect: [u8; 32] = Sha256::digest(&text).into();
    assert_eq!(rows(1)[0].hash, RowHash(expect));
    assert_eq!(
        RowHash::parse(&RowHash(expect).to_string()),
        Some(RowHash(expect))
    );
}

#[test]
fn texts_are_cut_at_their_limit() {
    let record = |bytes: usize| AuditRecord {
        who: "client/main".into(),
        with: None,
        what: "GET /".into(),
        target: "ä".repeat(bytes / 2),
        outcome: Outcome::Denied,
        code: None,
        reason: None,
        policy: None,
        component: None,
        request: None,
        suppressed: 0,
    };
    for (bytes, kept) in [
        (AUDIT_TEXT_BYTES_MAX, AUDIT_TEXT_BYTES_MAX),
        (AUDIT_TEXT_BYTES_MAX + 2, AUDIT_TEXT_BYTES_MAX),
    ] {
        assert_eq!(record(bytes).cut().target.len(), kept);
    }
}
