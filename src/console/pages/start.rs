//! The first steps: from the first admin to a sample of evidence. What is done is read from what is there.

use std::sync::Arc;

use askama::Template;
use axum::Extension;

use super::super::{
    admit::Visit,
    frame::{Frame, ok},
    trouble::{Answer, Happened},
};
use crate::{policy::office::Action, store::begun::Begun};

/// One step.
#[derive(Debug)]
struct Step {
    is_done: bool,
    what: &'static str,
    /// What is there, or how to get there.
    text: String,
    /// Where it is done; empty where it is done in a file.
    href: String,
    link: &'static str,
    /// What to write into the settings file, or to run.
    code: &'static str,
}

#[derive(Template)]
#[template(path = "start.html")]
struct Start {
    frame: Frame,
    steps: Vec<Step>,
    /// Which of them is next, from one; zero when all are done.
    next: usize,
    done: usize,
}

const SOURCE: &str = "[[practice.source]]\nname = \"entra\"";
const SANDBOX: &str = "[[practice.system]]\nname = \"sandbox\"\ntitle = \"Sandbox\"\ncategory = \"saas\"\n\
                       connector = \"sandbox\"\ncanary = \"canary\"";

/// How many steps of a practice are done, and how many there are.
pub(super) async fn progress(visit: &Visit) -> Result<(usize, usize), Happened> {
    let steps = steps(visit).await?;
    Ok((
        steps.iter().filter(|step| step.is_done).count(),
        steps.len(),
    ))
}

/// The page.
pub(in super::super) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let steps = steps(&visit).await?;
    let next = steps.iter().position(|step| !step.is_done);
    Ok(ok(&Start {
        frame: Frame::live(&visit, "First steps").await,
        next: next.map_or(0, |next| next + 1),
        done: steps.iter().filter(|step| step.is_done).count(),
        steps,
    }))
}

async fn steps(visit: &Visit) -> Result<Vec<Step>, Happened> {
    let store = &visit.office.store;
    let practice = visit.practice();
    let begun: Begun = store.find_begun(&practice.name).await?;
    let admins = store.list_admins(&practice.name).await?;
    let uses = store.list_token_uses(&practice.name).await?;
    let tokens = super::tokens::rows(visit).await?;
    let token = tokens.iter().find(|token| token.works);
    let people = |count: i64| match count {
        1 => "1 person".to_owned(),
        count => format!("{count} people"),
    };
    let sees_people = visit.may(Action::SeePeople);
    let to_people = if sees_people { "/people" } else { "" };
    let sandbox = practice
        .systems
        .iter()
        .find(|system| system.connector == "sandbox" && !system.retired);
    let systems = practice.systems.len();
    let step = |is_done, what, text: String, (href, link): (String, &'static str)| Step {
        is_done,
        what,
        text,
        href,
        link,
        code: "",
    };
    let settings = || "/settings".to_owned();
    Ok(vec![
        step(
            true,
            "Somebody may come in",
            match admins.len() {
                1 => "You. A second owner keeps the practice going when you are ill: invite one.".to_owned(),
                count => format!("{count} may come in."),
            },
            (settings(), "Who may come in"),
        ),
        Step {
            code: if practice.sources.is_empty() { SOURCE } else { "" },
            ..step(
                token.is_some(),
                "A source has a token",
                match (token, practice.sources.is_empty()) {
                    (Some(token), _) => format!("{} has one.", token.source),
                    (None, true) => "A source is who tells the bridge about people: your identity provider. Write it into \
                                     the settings file and start the bridge again."
                        .to_owned(),
                    (None, false) => "Make one, and paste it into the identity provider with the steps shown beside it."
                        .to_owned(),
                },
                (settings(), "Make a token"),
            )
        },
        step(
            uses.iter().any(|used| used.first.is_some()),
            "The first request came",
            "Press “Test connection” in the identity provider; the page shows what arrives, and what is wrong with it."
                .to_owned(),
            match token {
                Some(token) => (format!("/settings/tokens/{}/first", token.id), "Wait for it"),
                None => (String::new(), ""),
            },
        ),
        step(
            begun.people > 0,
            "The first person is here",
            match begun.people {
                0 => "Assign somebody to the application in the identity provider, and have them provisioned.".to_owned(),
                count => format!("{} so far.", people(count)),
            },
            (to_people.to_owned(), "People"),
        ),
        Step {
            code: if sandbox.is_some() { "" } else { SANDBOX },
            ..step(
                systems > 0,
                "A system is connected",
                match (sandbox, systems) {
                    (Some(sandbox), _) => format!("{}: a sandbox, to try a departure on.", sandbox.title),
                    (None, 0) => "Begin with a sandbox, which plays a system and closes nothing real.".to_owned(),
                    (None, count) => format!(
                        "{count} already. A sandbox beside them lets you try a departure that closes nothing real."
                    ),
                },
                ("/systems".to_owned(), "Systems"),
            )
        },
        step(
            begun.has_departure,
            "A departure was tried",
            "Have a test person leave: disable them in the identity provider, or close every door of theirs by name."
                .to_owned(),
            (to_people.to_owned(), "Find the test person"),
        ),
        step(
            begun.has_exported,
            "A sample of evidence was looked at",
            "On the test person's page: “Evidence as a file”. It verifies by itself, with “drawbridge evidence verify”."
                .to_owned(),
            (to_people.to_owned(), "Find the test person"),
        ),
    ])
}
