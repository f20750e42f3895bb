//! The audit log in a tenant's database.
//!
//! Invariant: a row and the note of where the log ends are one transaction, and so are the rows that are
//! forgotten and the note of where it begins. Triggers refuse every other change, also of a hand at the
//! database that forgot what it was doing.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::rows::Sql as _;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::identity::{
    AUDIT_DAYS, AUDIT_FORGOTTEN_MAX, AUDIT_ROWS_MAX, AuditEnds, AuditRecord, AuditRow, AuditStore,
    RowHash, TenantScope,
};

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

#[async_trait]
impl AuditStore for SqliteStore {
    async fn add(&self, scope: &TenantScope, record: AuditRecord, at: Timestamp) -> Result<()> {
        let text = serde_json::to_string(&record.cut())
            .map_err(|e| Error::internal("writing an audit record", e))?;
        let tenant = self.tenant(scope).await?;
        tenant
            .write(move |tx| {
                add(tx.conn(), at, &text)?;
                forget(tx.conn(), at, AUDIT_ROWS_MAX)
            })
            .await
    }

    async fn rows(&self, scope: &TenantScope, after: u64, limit: u32) -> Result<Vec<AuditRow>> {
        let tenant = self.tenant(scope).await?;
        tenant.read(|conn| rows(conn, after, limit)).await
    }

    async fn ends(&self, scope: &TenantScope) -> Result<AuditEnds> {
        let tenant = self.tenant(scope).await?;
        tenant.read(ends).await
    }
}

fn add(conn: &Connection, at: Timestamp, record: &str) -> Result<()> {
    let ends = ends(conn)?;
    let seq = ends.head + 1;
    let hash = ends.head_hash.next(seq, at, record);
    conn.prepare_cached(
        "INSERT INTO audit (seq, at_ms, record, previous, hash) VALUES (?1, ?2, ?3, ?4, ?5)",
    )
    .and_then(|mut statement| {
        let previous = ends.head_hash.0;
        statement.execute(params![seq as i64, at.0, record, previous, hash.0])
    })
    .during("adding an audit row")?;
    conn.prepare_cached("UPDATE audit_ends SET head = ?1, head_hash = ?2")
        .and_then(|mut statement| statement.execute(params![seq as i64, hash.0]))
        .during("moving the end of the audit log")?;
    Ok(())
}

/// Forget some of the rows that are too many or too old, the oldest first.
fn forget(conn: &Connection, now: Timestamp, rows_max: u64) -> Result<()> {
    let ends = ends(conn)?;
    let age_max = AUDIT_DAYS * DAY_MS;
    let goes = |row: &&AuditRow| ends.head - row.seq >= rows_max || now.since(row.at) > age_max;
    // Almost always the first one stays, and the others need not be looked at.
    if !rows(conn, ends.forgotten, 1)?
        .first()
        .as_ref()
        .is_some_and(goes)
    {
        return Ok(());
    }
    let oldest = rows(conn, ends.forgotten, AUDIT_FORGOTTEN_MAX as u32)?;
    let Some(last) = oldest.iter().take_while(goes).last() else {
        return Ok(());
    };
    conn.prepare_cached("UPDATE audit_ends SET forgotten = ?1, forgotten_hash = ?2")
        .and_then(|mut statement| statement.execute(params![last.seq as i64, last.hash.0]))
        .during("moving the beginning of the audit log")?;
    conn.prepare_cached("DELETE FROM audit WHERE seq <= ?1")
        .and_then(|mut statement| statement.execute([last.seq as i64]))
        .during("forgetting audit rows")?;
    Ok(())
}

fn rows(conn: &Connection, after: u64, limit: u32) -> Result<Vec<AuditRow>> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    conn.prepare_cached(
        "SELECT seq, at_ms, record, previous, hash FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )
    .and_then(|mut statement| statement.query_map(params![after, limit], row)?.collect())
    .during("reading audit rows")
}

fn row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        seq: row.get::<_, i64>(0)? as u64,
        at: Timestamp(row.get(1)?),
        record: row.get(2)?,
        previous: RowHash(row.get(3)?),
        hash: RowHash(row.get(4)?),
    })
}

fn ends(conn: &Connection) -> Result<AuditEnds> {
    conn.prepare_cached("SELECT forgotten, forgotten_hash, head, head_hash FROM audit_ends")
        .and_then(|mut statement| {
            statement.query_row([], |row| {
                Ok(AuditEnds {
                    forgotten: row.get::<_, i64>(0)? as u64,
                    forgotten_hash: RowHash(row.get(1)?),
                    head: row.get::<_, i64>(2)? as u64,
                    head_hash: RowHash(row.get(3)?),
                })
            })
        })
        .during("reading the ends of the audit log")
}

#[cfg(test)]
mod tests {
    use super::super::migrate;
    use super::*;
    use crate::identity::{ChainCheck, Tampering};

    fn database() -> Connection {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate::TENANT.apply(&mut conn).unwrap();
        conn
    }

    fn check(conn: &Connection) -> std::result::Result<(), Tampering> {
        let ends = ends(conn).unwrap();
        let mut check = ChainCheck::begin(&ends);
        for row in rows(conn, 0, 100).unwrap() {
            check.row(&row)?;
        }
        check.end(&ends)
    }

    fn filled(count: i64) -> Connection {
        let conn = database();
        for index in 1..=count {
            add(&conn, Timestamp(index), &format!("{{\"n\":{index}}}")).unwrap();
        }
        conn
    }

    #[test]
    fn rows_follow_each_other_and_triggers_keep_them_as_they_are() {
        let conn = filled(5);
        assert_eq!(check(&conn), Ok(()));
        for change in [
            "UPDATE audit SET record = '{}' WHERE seq = 3",
            "DELETE FROM audit WHERE seq = 1",
            "DELETE FROM audit",
            "INSERT OR REPLACE INTO audit VALUES (3, 3, '{}', zeroblob(32), zeroblob(32))",
        ] {
            assert!(conn.execute(change, []).is_err(), "{change}");
            assert_eq!(check(&conn), Ok(()), "{change}");
        }
    }

    #[test]
    fn a_hand_that_lifts_the_triggers_is_found() {
        for (change, expect) in [
            (
                "UPDATE audit SET record = '{}' WHERE seq = 3",
                Tampering::Changed(3),
            ),
            (
                "UPDATE audit SET at_ms = 9 WHERE seq = 2",
                Tampering::Changed(2),
            ),
            ("DELETE FROM audit WHERE seq = 1", Tampering::Missing(1)),
            ("DELETE FROM audit WHERE seq = 4", Tampering::Missing(4)),
            ("DELETE FROM audit WHERE seq = 5", Tampering::Missing(5)),
            ("DELETE FROM audit", Tampering::Missing(1)),
            (
                "UPDATE audit SET seq = 9 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3;
                 UPDATE audit SET seq = 3 WHERE seq = 9",
                Tampering::Changed(2),
            ),
        ] {
            let conn = filled(5);
            let lifted = "DROP TRIGGER audit_unchanged; DROP TRIGGER audit_unremoved;";
            conn.execute_batch(&format!("{lifted} {change}")).unwrap();
            assert_eq!(check(&conn), Err(expect), "{change}");
        }
    }

    #[test]
    fn what_is_too_much_or_too_old_is_forgotten_from_the_beginning() {
        let conn = filled(5);
        forget(&conn, Timestamp(5), 5).unwrap();
        assert_eq!(
            rows(&conn, 0, 10).unwrap().len(),
            5,
            "at the limit all stay"
        );
        forget(&conn, Timestamp(5), 4).unwrap();
        assert_eq!(
            rows(&conn, 0, 10).unwrap()[0].seq,
            2,
            "one past it the oldest goes"
        );
        let old = Timestamp(2).plus_ms(AUDIT_DAYS * DAY_MS);
        forget(&conn, old, 100).unwrap();
        assert_eq!(rows(&conn, 0, 10).unwrap()[0].seq, 2, "as old as may be");
        forget(&conn, old.plus_ms(1), 100).unwrap();
        assert_eq!(rows(&conn, 0, 10).unwrap()[0].seq, 3);
        assert_eq!(
            check(&conn),
            Ok(()),
            "what is left follows what is not there any more"
        );
        forget(&conn, Timestamp(i64::MAX), 100).unwrap();
        assert_eq!(check(&conn), Ok(()));
        add(&conn, Timestamp(6), "{}").unwrap();
        assert_eq!(rows(&conn, 0, 10).unwrap()[0].seq, 6, "numbers go on");
        assert_eq!(check(&conn), Ok(()));
    }
}
