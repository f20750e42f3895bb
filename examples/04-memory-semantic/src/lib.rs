//! Answers questions out of a small handbook.

use serde::{Deserialize, Serialize};
use warren_agent::{Agent, Context, Entry, Event, Failure, Grant, Search, Visibility, payload};

/// A page of the handbook was written, or written anew.
#[derive(Serialize, Deserialize)]
pub struct PageWritten {
    /// What it is called.
    pub title: String,
    /// What it says.
    pub text: String,
}
payload!(PageWritten: BusinessFacts, "handbook.page", description = "A page of the handbook was written.");

/// Somebody would like to know something.
#[derive(Serialize, Deserialize)]
pub struct Asked {
    /// What.
    pub question: String,
}
payload!(Asked: BusinessFacts, "handbook.asked", description = "Somebody asks the handbook.");

/// What the handbook says to it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// What was asked.
    pub question: String,
    /// Out of which page; none if nothing fits.
    pub page: Option<String>,
    /// What it says.
    pub text: Option<String>,
}
payload!(Answered: BusinessFacts, "handbook.answered", description = "What the handbook says.");

/// The declaration.
pub fn agent() -> Agent {
    Agent::new("handbook")
        .describe("Answers questions out of a small handbook.")
        .on(learn)
        .on(answer)
        .produces::<Answered>()
        .grants(Grant::KNOWLEDGE)
}
warren_agent::export!(agent);

fn learn(ctx: &Context, page: Event<PageWritten>) -> Result<(), Failure> {
    let PageWritten { title, text } = page.data;
    // The title is our own name for the entry: the page written anew takes the place of the old one.
    let entry = Entry::new(text)
        .external_id(title.clone())
        .source(title)
        .visible_to(Visibility::Tenant);
    ctx.knowledge().remember(entry)?;
    Ok(())
}

fn answer(ctx: &Context, asked: Event<Asked>) -> Result<(), Failure> {
    let question = asked.data.question;
    // By meaning and by words. The search needs no page number and no exact word of the page.
    let hits = ctx.knowledge().search(Search::new(&question).limit(1))?;
    let best = hits.into_iter().next();
    ctx.publish(&Answered {
        question,
        page: best.as_ref().and_then(|item| item.source.clone()),
        text: best.map(|item| item.content),
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use warren_agent::testing::TestHost;

    use super::*;

    fn written(title: &str, text: &str) -> Event<PageWritten> {
        Event::new(PageWritten {
            title: title.into(),
            text: text.into(),
        })
    }

    fn asked(host: &mut TestHost, question: &str) -> Answered {
        let question = question.into();
        let turn = host.handle(&agent(), Event::new(Asked { question }));
        turn.published::<Answered>().remove(0)
    }

    #[test]
    fn a_page_written_anew_is_the_one_that_answers() {
        let mut host = TestHost::new();
        host.handle(
            &agent(),
            written("holidays", "Holidays are 25 days a year."),
        );
        host.handle(
            &agent(),
            written("holidays", "Holidays are 30 days a year."),
        );
        let answer = asked(&mut host, "How many holidays a year?");
        assert_eq!(answer.text.as_deref(), Some("Holidays are 30 days a year."));
        assert_eq!(answer.page.as_deref(), Some("holidays"));
    }

    #[test]
    fn who_knows_nothing_says_so() {
        let answer = asked(&mut TestHost::new(), "How many holidays a year?");
        assert_eq!((answer.page, answer.text), (None, None));
    }
}
