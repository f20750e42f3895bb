//! `warren services keys`: public keys that signatures of services are checked with.

use crate::api::types::{Listing, SigningKeyRequest, SigningKeyView};
use crate::cli::client::Request;
use crate::cli::console::Tint;
use crate::cli::failure::Result;
use crate::cli::table::Table;
use crate::cli::{Context, input};
use crate::events::Json;
use crate::id::KeyName;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// List them; the default
    List,
    /// Register a public key: it signs services of the API key that you use now
    Add {
        /// What `kid` will say
        id: KeyName,
        /// The key as a JWK: JSON, @FILE, or - for stdin
        jwk: String,
    },
    /// Forget one: what it has signed is no longer verified
    Remove {
        /// What `kid` says
        id: KeyName,
    },
}

pub(super) fn run(action: Option<Action>, context: &Context) -> Result<()> {
    match action.unwrap_or(Action::List) {
        Action::List => list(context),
        Action::Add { id, jwk } => add(&id, &input::payload(Some(&jwk))?, context),
        Action::Remove { id } => {
            let request = Request::delete(&["signing-keys", id.as_str()]);
            context.client()?.send(request)?;
            let talk = format_args!("signing key {id}");
            context.console.say(Tint::Good, "removed", talk);
            Ok(())
        }
    }
}

fn list(context: &Context) -> Result<()> {
    let answer = context.client()?.send(Request::get(&["signing-keys"]))?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let page: Listing<SigningKeyView> = answer.read()?;
    let mut table = Table::new(["ID", "OWNER", "PUBLIC KEY", "REGISTERED"]);
    for key in &page.items {
        table.row([&key.id, &key.owner, &key.jwk.x, &key.created]);
    }
    let nothing = "no signing keys; register one with `warren services keys add ID @JWK_FILE`";
    context.console.table(&table, nothing)
}

fn add(id: &KeyName, jwk: &Json, context: &Context) -> Result<()> {
    let jwk = jwk.read("jwk")?;
    let request = Request::put(&["signing-keys", id.as_str()]);
    let request = request.json(&SigningKeyRequest { jwk })?;
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let key: SigningKeyView = answer.read()?;
    let talk = format!("{} signs services of {}", key.id, key.owner);
    context.console.say(Tint::Good, "done:", talk);
    Ok(())
}
