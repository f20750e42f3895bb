//! Schemas: immutable versions under a name that has an owner and a compatibility.
//!
//! Invariant: versions of a name are 1, 2, 3 … without a gap, and each goes with the one before it as the
//! name's compatibility said when it was registered.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::Value;

use super::super::columns::parsed;
use super::super::rows::Sql as _;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::{Json, SUBJECT_BYTES_MAX};
use crate::registry::{
    NewSchema, RegisteredSchema, SCHEMA_VERSIONS_MAX, SCHEMAS_PER_TENANT_MAX, Schema,
    WORD_BYTES_MAX, check_schema_name, compile_schema, require_compatible,
};

/// What [`row`] reads.
const COLUMNS: &str = "s.name, s.version, s.body, s.created_ms, n.owner, n.compatibility";

/// Check a schema before it goes to the writer.
///
/// # Errors
/// `Invalid` for what is no schema or no name, `Conflict` for a name of the host's.
pub(super) fn check(new: &NewSchema) -> Result<()> {
    let plain = |text: &str, max: usize| {
        (1..=max).contains(&text.len()) && !text.chars().any(char::is_control)
    };
    if !plain(&new.name, SUBJECT_BYTES_MAX) {
        return Err(Error::invalid(
            "schema name",
            format!("must be 1 to {SUBJECT_BYTES_MAX} bytes without control characters"),
        ));
    }
    if new
        .owner
        .as_deref()
        .is_some_and(|owner| !plain(owner, WORD_BYTES_MAX))
    {
        return Err(Error::invalid(
            "owner",
            format!("must be 1 to {WORD_BYTES_MAX} bytes without control characters"),
        ));
    }
    check_schema_name(&new.name)?;
    compile_schema(&new.body)
        .map(drop)
        .map_err(|reason| Error::invalid("schema", reason))
}

/// Register a version.
///
/// # Errors
/// `Conflict` if the number is another body's or the version does not go with the one before it,
/// `Invalid` for a number that would leave a gap, `Exhausted` over a limit.
pub(super) fn put(conn: &Connection, publisher: &str, new: NewSchema) -> Result<RegisteredSchema> {
    let latest = get(conn, &new.name, None)?;
    let before = latest.as_ref().map_or(0, |latest| latest.version);
    let known = match new.version {
        Some(number) if number > before => None,
        Some(number) => Some(taken(conn, &new, number)?),
        None => latest
            .clone()
            .filter(|latest| same(&latest.body, &new.body)),
    };
    let version = known.as_ref().map_or(before + 1, |known| known.version);
    if let Some(wanted) = new.version.filter(|wanted| *wanted > before + 1) {
        let reason = format!(
            "the next version of `{}` is {}, not {wanted}",
            new.name,
            before + 1
        );
        return Err(Error::invalid("version", reason));
    }
    let owner = new.owner.as_deref();
    let was = latest.as_ref();
    let mut schema = Schema {
        owner: owner
            .or(was.map(|was| &*was.owner))
            .unwrap_or(publisher)
            .to_owned(),
        compatibility: new
            .compatibility
            .or(was.map(|was| was.compatibility))
            .unwrap_or_default(),
        name: new.name,
        version,
        body: new.body,
        created: new.now,
    };
    let created = known.is_none();
    if let Some(known) = known {
        (schema.body, schema.created) = (known.body, known.created);
    } else {
        room_for(conn, version)?;
        if let Some(was) = was {
            let mode = schema.compatibility;
            require_compatible(mode, &schema.name, version, &was.body, &schema.body)?;
        }
    }
    if !new.dry_run {
        keep(conn, &schema, created)?;
    }
    Ok(RegisteredSchema { schema, created })
}

/// The version that has this number already, which must be the same.
fn taken(conn: &Connection, new: &NewSchema, number: u32) -> Result<Schema> {
    let found = get(conn, &new.name, Some(number))?;
    found
        .filter(|found| same(&found.body, &new.body))
        .ok_or_else(|| {
            Error::conflict(
                "schema",
                format!(
                    "version {number} of `{}` is another schema, and a version never changes: \
                     leave the number out to register the next one",
                    new.name
                ),
            )
        })
}

/// Whether two texts are the same value.
fn same(a: &Json, b: &Json) -> bool {
    let read = |json: &Json| json.read::<Value>("schema").ok();
    a == b || read(a).is_some_and(|a| Some(a) == read(b))
}

fn keep(conn: &Connection, schema: &Schema, created: bool) -> Result<()> {
    conn.execute(
        "INSERT OR REPLACE INTO schema_names (name, owner, compatibility) VALUES (?1, ?2, ?3)",
        params![schema.name, schema.owner, schema.compatibility.as_str()],
    )
    .during("writing a schema's name")?;
    if created {
        conn.execute(
            "INSERT INTO schemas (name, version, body, created_ms) VALUES (?1, ?2, ?3, ?4)",
            params![
                schema.name,
                schema.version,
                schema.body.as_str(),
                schema.created.0
            ],
        )
        .during("writing a schema")?;
    }
    Ok(())
}

/// Whether one more of this version may be kept.
fn room_for(conn: &Connection, version: u32) -> Result<()> {
    if version > SCHEMA_VERSIONS_MAX {
        return Err(Error::Exhausted {
            limit: "schema_versions_max",
            unit: "versions",
            max: u64::from(SCHEMA_VERSIONS_MAX),
        });
    }
    if version > 1 {
        return Ok(());
    }
    let schemas: i64 = conn
        .query_row(
            "SELECT count(*) FROM schemas WHERE version = 1",
            [],
            |row| row.get(0),
        )
        .during("counting schemas")?;
    if schemas as u64 >= SCHEMAS_PER_TENANT_MAX {
        return Err(Error::Exhausted {
            limit: "schemas_per_tenant_max",
            unit: "schemas",
            max: SCHEMAS_PER_TENANT_MAX,
        });
    }
    Ok(())
}

/// This version, or the latest.
pub(super) fn get(conn: &Connection, name: &str, version: Option<u32>) -> Result<Option<Schema>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM schemas s JOIN schema_names n ON n.name = s.name
         WHERE s.name = ?1 AND (?2 IS NULL OR s.version = ?2) ORDER BY s.version DESC LIMIT 1"
    ))
    .and_then(|mut statement| statement.query_row(params![name, version], row).optional())
    .during("reading a schema")
}

/// Versions, the newest first.
///
/// # Errors
/// `NotFound` if there is no schema of this name.
pub(super) fn versions(
    conn: &Connection,
    name: &str,
    before: Option<u32>,
    limit: u32,
) -> Result<Vec<Schema>> {
    if get(conn, name, None)?.is_none() {
        return Err(Error::not_found("schema", name));
    }
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM schemas s JOIN schema_names n ON n.name = s.name
         WHERE s.name = ?1 AND (?2 IS NULL OR s.version < ?2) ORDER BY s.version DESC LIMIT ?3"
    ))
    .and_then(|mut statement| {
        statement
            .query_map(params![name, before, limit], row)?
            .collect()
    })
    .during("reading a schema's versions")
}

/// The latest version of each, by name.
pub(super) fn latest(conn: &Connection, owner: Option<&str>) -> Result<Vec<Schema>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM schema_names n JOIN schemas s ON s.name = n.name
         WHERE (?1 IS NULL OR n.owner = ?1)
           AND s.version = (SELECT max(version) FROM schemas l WHERE l.name = n.name)
         ORDER BY n.name"
    ))
    .and_then(|mut statement| statement.query_map([owner], row)?.collect())
    .during("reading schemas")
}

fn row(row: &Row<'_>) -> rusqlite::Result<Schema> {
    Ok(Schema {
        name: row.get(0)?,
        version: row.get(1)?,
        body: Json::from_stored(row.get::<_, String>(2)?),
        created: Timestamp(row.get(3)?),
        owner: row.get(4)?,
        compatibility: parsed(row, 5)?,
    })
}
