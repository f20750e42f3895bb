//! `/v1/memory/knowledge`: semantic memory of the customer and user that the request speaks for.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::Json as JsonText;
use crate::memory::{
    KnowledgeFilter, KnowledgeQuery, NewEntry, PageOf, QUERY_BYTES_MAX, SEARCH_OFFSET_MAX, Stamp,
    Subject, Visibility,
};

use super::super::access::leads_out;
use super::super::auth::Caller;
use super::super::error::ApiResult;
use super::super::extract::{JsonBody, UrlPath, UrlQuery};
use super::super::types::{
    ExportView, FoundView, ImportRequest, ImportView, KnowledgeView, Listing, RememberRequest,
    RememberedView, SearchRequest,
};
use super::super::{Shared, page};

/// Which entries to list. All that is given must match.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct KnowledgeParams {
    /// Entries that carry this tag.
    tag: Option<String>,
    /// Entries from this source.
    source: Option<String>,
    /// Entries whose metadata has the members of this JSON object.
    metadata: Option<String>,
    /// Entries written at or after this instant.
    since: Option<String>,
    /// Entries written before this instant.
    until: Option<String>,
    /// Entries that are true at this instant; whenever unless given.
    as_of: Option<String>,
    /// The chunks of this document, the last one first.
    document: Option<String>,
    /// Continue where a page ended.
    before: Option<i64>,
    /// Rows of the page, 1 to 100. A page may be short, or empty, and yet have a next one.
    limit: Option<u32>,
}

/// Which part of an export.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportParams {
    /// Continue where a page ended.
    after: Option<i64>,
    /// Rows of the page, 1 to 100.
    limit: Option<u32>,
}

/// Remember an entry: a new one, or in the place of your own of the same external id or the same text.
#[utoipa::path(
    post, path = "/v1/memory/knowledge", tag = "memory", security(("key" = [])),
    request_body = RememberRequest,
    responses((status = 200, description = "Its id.", body = RememberedView)),
)]
pub(crate) async fn remember_knowledge(
    State(api): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<RememberRequest>,
) -> ApiResult<Json<RememberedView>> {
    if caller.holder.bounds.has_subject() && request.visibility == Visibility::Tenant {
        // Everybody would find it, those included that the token does not speak for.
        return Err(leads_out(
            "customer or user",
            caller.holder.bounds.subject(),
        ));
    }
    let stamp = Stamp::of(&caller.scope, None, api.app.clock.now());
    let write = NewEntry::from(request).check(stamp, crate::memory::fresh_id("kno"))?;
    let id = api
        .app
        .knowledge_keeper
        .remember(&caller.scope, write)
        .await?;
    Ok(Json(RememberedView { id }))
}

/// Entries that you see, the one first remembered last first.
#[utoipa::path(
    get, path = "/v1/memory/knowledge", tag = "memory", security(("key" = [])),
    params(KnowledgeParams),
    responses((status = 200, description = "A page.", body = Listing<KnowledgeView>)),
)]
pub(crate) async fn list_knowledge(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<KnowledgeParams>,
) -> ApiResult<Json<Listing<KnowledgeView>>> {
    let page = PageOf {
        before: page::before(params.before),
        limit: page::rows(params.limit)?,
    };
    let metadata = params
        .metadata
        .map(|text| JsonText::parse("metadata", &text));
    let filter = KnowledgeFilter {
        tags: params.tag.into_iter().collect(),
        source: params.source,
        metadata: metadata.transpose()?,
        since: instant("since", params.since)?,
        until: instant("until", params.until)?,
        as_of: instant("as_of", params.as_of)?,
        document: params.document,
    };
    let now = api.app.clock.now();
    let rows = api
        .app
        .knowledge
        .list(&caller.scope, &filter, page, now)
        .await?;
    Ok(Json(page::newest_first(rows, Into::into)))
}

/// An entry that you see, true or not.
#[utoipa::path(
    get, path = "/v1/memory/knowledge/{id}", tag = "memory", security(("key" = [])),
    params(("id" = String, Path, description = "The entry.")),
    responses((status = 200, description = "The entry.", body = KnowledgeView)),
)]
pub(crate) async fn get_knowledge(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(id): UrlPath<String>,
) -> ApiResult<Json<KnowledgeView>> {
    let now = api.app.clock.now();
    let item = api.app.knowledge.get(&caller.scope, &id, now).await?;
    let item = item.ok_or_else(|| Error::not_found("knowledge entry", id))?;
    Ok(Json(item.into()))
}

/// Forget an entry of your own; with a chunk, all of its document.
#[utoipa::path(
    delete, path = "/v1/memory/knowledge/{id}", tag = "memory", security(("key" = [])),
    params(("id" = String, Path, description = "The entry.")),
    responses((status = 204, description = "Gone.")),
)]
pub(crate) async fn forget_knowledge(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(id): UrlPath<String>,
) -> ApiResult<StatusCode> {
    let now = api.app.clock.now();
    if !api
        .app
        .knowledge_keeper
        .forget(&caller.scope, &id, now)
        .await?
    {
        return Err(Error::not_found("knowledge entry", id).into());
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Entries that fit a text, the best first.
#[utoipa::path(
    post, path = "/v1/memory/knowledge/search", tag = "memory", security(("key" = [])),
    request_body = SearchRequest,
    responses((status = 200, description = "The hits.", body = FoundView)),
)]
pub(crate) async fn search_knowledge(
    State(api): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<SearchRequest>,
) -> ApiResult<Json<FoundView>> {
    let explain = request.explain;
    let query = query(request)?;
    let now = api.app.clock.now();
    let found = api.app.knowledge.search(&caller.scope, &query, now).await?;
    Ok(Json(FoundView::of(found, explain)))
}

/// Entries of everybody for whom you speak, with all that an import needs: of the tenant, or of the
/// customer or the user that the request names. The oldest first, documents in one piece.
#[utoipa::path(
    get, path = "/v1/memory/export", tag = "memory", security(("key" = [])),
    params(ExportParams),
    responses((status = 200, description = "A page of records.", body = ExportView)),
)]
pub(crate) async fn export_knowledge(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<ExportParams>,
) -> ApiResult<Json<ExportView>> {
    let limit = page::rows(params.limit)?;
    let of = Subject::of(&caller.scope);
    let after = page::before(params.after);
    let rows = api
        .app
        .knowledge_keeper
        .export(&caller.scope, &of, after, limit)
        .await?;
    Ok(Json(ExportView {
        items: rows.items,
        next: rows.next.map(|place| place.0.to_string()),
    }))
}

/// Write what was exported, with its owners. A record that cannot be kept is told and stops no other.
#[utoipa::path(
    post, path = "/v1/memory/import", tag = "memory", security(("key" = [])),
    request_body = ImportRequest,
    responses((status = 200, description = "What became of each record.", body = ImportView)),
)]
pub(crate) async fn import_knowledge(
    State(api): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<ImportRequest>,
) -> ApiResult<Json<ImportView>> {
    let now = api.app.clock.now();
    let keeper = &api.app.knowledge_keeper;
    let outcomes = keeper.import(&caller.scope, request.records, now).await?;
    Ok(Json(ImportView { outcomes }))
}

fn query(request: SearchRequest) -> Result<KnowledgeQuery> {
    if request.text.is_empty() || request.text.len() > QUERY_BYTES_MAX {
        let got = request.text.len();
        return Err(Error::invalid(
            "text",
            format!("{got} bytes, must be 1 to {QUERY_BYTES_MAX}"),
        ));
    }
    if request.offset > SEARCH_OFFSET_MAX {
        let rule = format!("{} is over {SEARCH_OFFSET_MAX}", request.offset);
        return Err(Error::invalid("offset", rule));
    }
    let metadata = request
        .metadata
        .map(|raw| JsonText::parse("metadata", raw.get()));
    Ok(KnowledgeQuery {
        text: request.text,
        mode: request.mode,
        limit: page::rows(request.limit)?,
        offset: request.offset,
        tags: request.tags,
        source: request.source,
        metadata: metadata.transpose()?,
        since: instant("since", request.since)?,
        until: instant("until", request.until)?,
        as_of: instant("as_of", request.as_of)?,
        min_score: request.min_score,
    })
}

/// An instant of a parameter.
pub(super) fn instant(field: &'static str, text: Option<String>) -> Result<Option<Timestamp>> {
    text.map(|text| Timestamp::parse(field, &text)).transpose()
}
