//! `warren secrets`: what the host sends for agents that never see it.

use std::io::{self, Read as _};
use std::path::Path;

use crate::api::types::{Listing, SecretRequest, SecretView};
use crate::id::SecretName;
use crate::secrets::SECRET_BYTES_MAX;

use super::Context;
use super::client::Request;
use super::console::Tint;
use super::failure::{Failure, Result};
use super::table::Table;

/// `warren secrets`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List them, without their values; the default
    List,
    /// Set one: agents write `{{secret:NAME}}` into a header, and the host sends the value
    Set {
        /// Its name
        name: SecretName,
        /// A file with the value; read from stdin unless given, so that no list of processes shows it
        file: Option<std::path::PathBuf>,
        /// A host that it may be sent to, such as `api.example.com` or `*.example.com:8443`; may be repeated
        #[arg(long = "host", value_name = "HOST", required = true)]
        hosts: Vec<String>,
        /// A header that it may be sent in, may be repeated; `authorization` unless given
        #[arg(long = "header", value_name = "HEADER")]
        headers: Vec<String>,
    },
    /// Delete one: requests that name it are refused from now on
    Delete {
        /// Its name
        name: SecretName,
    },
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    match args.action.unwrap_or(Action::List) {
        Action::List => list(context),
        Action::Set {
            name,
            file,
            hosts,
            headers,
        } => {
            let request = SecretRequest {
                value: value(file.as_deref())?,
                hosts,
                headers,
            };
            set(&name, &request, context)
        }
        Action::Delete { name } => {
            let request = Request::delete(&["secrets", name.as_str()]);
            context.client()?.send(request)?;
            let talk = format_args!("secret {name}");
            context.console.say(Tint::Good, "deleted", talk);
            Ok(())
        }
    }
}

fn list(context: &Context) -> Result<()> {
    let answer = context.client()?.send(Request::get(&["secrets"]))?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let page: Listing<SecretView> = answer.read()?;
    let mut table = Table::new(["NAME", "HOSTS", "HEADERS", "SET"]);
    for secret in &page.items {
        table.row([
            &secret.name.to_string(),
            &secret.hosts.join(" "),
            &secret.headers.join(" "),
            &secret.updated.to_string(),
        ]);
    }
    let nothing = "no secrets; set one with `warren secrets set NAME --host HOST < FILE`";
    context.console.table(&table, nothing)
}

fn set(name: &SecretName, request: &SecretRequest, context: &Context) -> Result<()> {
    let put = Request::put(&["secrets", name.as_str()]).json(request)?;
    let answer = context.client()?.send(put)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let secret: SecretView = answer.read()?;
    let (hosts, headers) = (secret.hosts.join(" "), secret.headers.join(" "));
    let talk = format_args!("secret {name} for {hosts}, in {headers}");
    context.console.say(Tint::Good, "set", talk);
    let next = format_args!("an agent writes {{{{secret:{name}}}}} where the value goes");
    context.console.say(Tint::Hint, "next:", next);
    Ok(())
}

/// The value, without the line break that editors and `echo` leave behind it.
fn value(file: Option<&Path>) -> Result<String> {
    // One byte more than a line of the longest: enough to know that it is too long.
    let most = SECRET_BYTES_MAX as u64 + 3;
    let mut text = String::new();
    let read = match file {
        None => io::stdin().lock().take(most).read_to_string(&mut text),
        Some(file) => {
            std::fs::File::open(file).and_then(|file| file.take(most).read_to_string(&mut text))
        }
    };
    let place = file.unwrap_or(Path::new("stdin"));
    read.map_err(|error| Failure::file("read", place, &error))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_without_its_line_break() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, expect) in [
            ("open-sesame\n", "open-sesame"),
            ("open-sesame\r\n", "open-sesame"),
            ("open-sesame", "open-sesame"),
            ("two\nlines\n", "two\nlines"),
        ] {
            std::fs::write(file.path(), text).unwrap();
            assert_eq!(value(Some(file.path())).unwrap(), expect, "{text:?}");
        }
    }
}
