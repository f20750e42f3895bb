//! The OpenAPI document: made from the routes, so that it cannot tell of one that is not there.

use utoipa::openapi::path::Operation;
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;

use super::Shared;
use super::access;
use super::auth::Schemes;
use super::types::Problem;

/// The media type of problem documents.
const PROBLEM_JSON: &str = "application/problem+json";

/// The document before the routes are added to it.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Warren",
        description = "A multi-tenant WebAssembly host for AI agents.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(Problem)),
    modifiers(&Schemes),
    tags(
        (name = "tenants", description = "Tenants and their keys: the operator's side."),
        (name = "agents", description = "Who can do what."),
        (name = "services", description = "What lives elsewhere: the catalogue beside the agents."),
        (name = "compatible", description = "The routes of kOS and NOA registries, over the same catalogue."),
        (name = "events", description = "How work moves."),
        (name = "turns", description = "What agents did."),
        (name = "catalog", description = "Event types and their schemas."),
        (name = "memory", description = "What is known."),
        (name = "host", description = "The host itself."),
    )
)]
struct Skeleton;

/// A router that will document its routes.
pub(super) fn begin() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Skeleton::openapi())
}

/// The finished document as JSON.
pub(super) fn finish(mut document: Document) -> String {
    Problems.modify(&mut document);
    access::describe(&mut document);
    document.to_pretty_json().unwrap_or_default()
}

/// Says of every operation what a failure looks like.
struct Problems;

impl Modify for Problems {
    fn modify(&self, document: &mut Document) {
        let paths = document.paths.paths.values_mut();
        let operations = paths.flat_map(|item| {
            [
                &mut item.get,
                &mut item.put,
                &mut item.post,
                &mut item.patch,
                &mut item.delete,
            ]
        });
        for operation in operations.flatten() {
            describe_failure(operation);
        }
    }
}

fn describe_failure(operation: &mut Operation) {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let response = ResponseBuilder::new()
        .description("Why it was not done.")
        .content(PROBLEM_JSON, content)
        .build();
    let responses = &mut operation.responses.responses;
    responses.insert("default".to_owned(), response.into());
}
