//! Remembers what each user told it, in other conversations too.

use serde::{Deserialize, Serialize};
use warren_agent::{Agent, Context, EpisodeFilter, Event, Failure, Grant, Role, payload};

/// A user said something.
#[derive(Serialize, Deserialize)]
pub struct Said {
    /// What.
    pub text: String,
}
payload!(Said: BusinessFacts, "chat.said", description = "A user said something.");

/// What the companion says to it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Replied {
    /// What.
    pub text: String,
}
payload!(Replied: BusinessFacts, "chat.replied", description = "The companion replied.");

/// The declaration.
pub fn agent() -> Agent {
    Agent::new("companion")
        .describe("Remembers what each user told it, in other conversations too.")
        .on(listen)
        .produces::<Replied>()
        .grants(Grant::EPISODES)
}
warren_agent::export!(agent);

fn listen(ctx: &Context, said: Event<Said>) -> Result<(), Failure> {
    let (said, session) = (said.data.text, said.session);
    let episodes = ctx.episodes();
    // Of this user alone: an agent that serves two users has two memories, and nothing to keep apart here.
    let before = episodes.recent(EpisodeFilter::new().role(Role::User).limit(100))?;
    let text = match before.iter().find(|episode| episode.session != session) {
        Some(other) => format!("Last time you told me: {}", other.content),
        None if before.is_empty() => "Nice to meet you.".to_owned(),
        None => format!("You have told me {} things by now.", before.len() + 1),
    };
    // Both sides of the conversation; the session is that of the event.
    episodes.add(Role::User, &said)?;
    episodes.add(Role::Assistant, &text)?;
    ctx.publish(&Replied { text })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use warren_agent::Error;
    use warren_agent::testing::TestHost;

    use super::*;

    fn say(host: &mut TestHost, user: &str, session: &str, text: &str) -> String {
        let said = Event::new(Said { text: text.into() })
            .with_user(user)
            .with_session(session);
        let turn = host.handle(&agent(), said);
        turn.published::<Replied>().remove(0).text
    }

    #[test]
    fn each_user_is_remembered_across_sessions_and_nobody_else_is() {
        let mut host = TestHost::new();
        let nice = "Nice to meet you.";
        assert_eq!(say(&mut host, "ada", "monday", "I like tea."), nice);
        assert_eq!(say(&mut host, "bob", "monday", "I like dogs."), nice);
        assert_eq!(
            say(&mut host, "ada", "tuesday", "Good day."),
            "Last time you told me: I like tea."
        );
        assert_eq!(
            say(&mut host, "bob", "monday", "And cats."),
            "You have told me 2 things by now."
        );
    }

    #[test]
    fn what_fails_anywhere_is_neither_said_nor_remembered() {
        let said = || {
            Event::new(Said {
                text: "I like tea.".into(),
            })
        };
        let calls = TestHost::new().handle(&agent(), said()).host_calls();
        for call in 1..=calls {
            let mut host = TestHost::new().fail_call(call, Error::Unavailable("down".into()));
            let turn = host.handle(&agent(), said());
            assert!(turn.result().is_err(), "call {call}");
            assert!(turn.events().is_empty(), "call {call}");
        }
    }
}
