//! Reading rows into the table.

use rusqlite::{Connection, OptionalExtension as _};
use serde_json::{Map, Value};

use super::super::columns::json;
use super::table::{Row, Table};

const COLUMNS: &str = "k.n, k.version, k.domain, k.expires_ms, k.updated_ms, k.valid_from_ms, k.valid_until_ms, \
    k.source, k.tags, k.metadata, v.vector";

/// All rows with a vector of this embedder, as of the moment of the call.
pub(super) fn table(conn: &Connection, embedder: &str, dims: usize) -> rusqlite::Result<Table> {
    let mut table = Table::new(embedder, dims);
    let sql = format!(
        "SELECT {COLUMNS} FROM knowledge_vectors v CROSS JOIN knowledge k ON k.n = v.n
         WHERE v.embedder = ?1 ORDER BY v.n"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query([embedder])?;
    while let Some(row) = rows.next()? {
        table.replace(row.get(0)?, Some(read(row)?));
    }
    Ok(table)
}

/// A row as it is now; none if it is gone or has no vector of this embedder.
pub(super) fn row(conn: &Connection, embedder: &str, n: i64) -> rusqlite::Result<Option<Row>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM knowledge_vectors v CROSS JOIN knowledge k ON k.n = v.n
         WHERE v.n = ?2 AND v.embedder = ?1"
    );
    conn.prepare_cached(&sql)?
        .query_row(rusqlite::params![embedder, n], read)
        .optional()
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        version: row.get(1)?,
        domain: row.get(2)?,
        expires_ms: row.get(3)?,
        updated_ms: row.get(4)?,
        valid_from_ms: row.get(5)?,
        valid_until_ms: row.get(6)?,
        source: row.get(7)?,
        tags: json(row, 8)?,
        metadata: members(row.get_ref(9)?.as_str()?),
        vector: numbers(row.get_ref(10)?.as_blob()?),
    })
}

/// What cannot be read has no members, as where filters read the rows.
fn members(text: &str) -> Map<String, Value> {
    if text == "{}" {
        return Map::new();
    }
    serde_json::from_str(text).unwrap_or_default()
}

/// A vector as a row holds it: `f32`, little-endian.
pub(in super::super) fn numbers(bytes: &[u8]) -> Vec<f32> {
    let (words, _) = bytes.as_chunks::<{ size_of::<f32>() }>();
    words.iter().map(|word| f32::from_le_bytes(*word)).collect()
}
