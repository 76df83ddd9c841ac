//! One door: try it again now, or sign that it was done by hand, with what shows it.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::Path,
    http::header,
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;

use super::{
    super::{
        admit::{Fields, Visit},
        download::disposition,
        frame::{self, Frame, see_other},
        trouble::{self, Answer, Happened},
        words,
    },
    DoorView, back, saying, typed,
};
use crate::{
    door::Door,
    evidence::file,
    ids::DoorId,
    intake::human::{self, Attestation},
};

#[derive(Template)]
#[template(path = "by_hand.html")]
struct ByHand {
    frame: Frame,
    door: DoorView,
    generation: i64,
    name: String,
    /// Where to go when nothing is signed.
    back: String,
    by: String,
    done: String,
    how: String,
    note: String,
    zone: String,
    problem: String,
}

/// What was typed.
#[derive(Debug)]
struct Typed {
    by: String,
    done: String,
    how: String,
    note: String,
}

impl Typed {
    fn read(form: &Fields) -> Self {
        let field = |name: &str| form.get(name).to_owned();
        Self {
            by: field("by"),
            done: field("done"),
            how: field("how"),
            note: field("note"),
        }
    }
}

pub(super) async fn find(visit: &Visit, door: &str) -> Result<Door, Happened> {
    let store = &visit.office.store;
    let found = store
        .find_door(&visit.practice().name, &DoorId::from(door))
        .await?;
    found.ok_or(Happened::NotThere)
}

/// Where the door is worked on.
pub(super) fn place_of(door: &Door) -> String {
    match &door.case {
        Some(case) => format!("/cases/{case}"),
        None => format!("/people/{}", door.person),
    }
}

/// Has one door tried now.
pub(in super::super) async fn retry(
    Extension(visit): Extension<Arc<Visit>>,
    Path(door): Path<String>,
) -> Result<Response, Happened> {
    let door = find(&visit, &door).await?;
    let store = &visit.office.store;
    let system = Some(&door.system);
    let tried = human::retry(store, &visit.caller(), &door.person, system, visit.now).await?;
    let to = back(&visit, &place_of(&door));
    Ok(see_other(&saying(&to, &format!("said=tried&n={tried}"))))
}

/// The form to sign with.
pub(in super::super) async fn ask(
    Extension(visit): Extension<Arc<Visit>>,
    Path(door): Path<String>,
) -> Answer {
    let door = find(&visit, &door).await?;
    let typed = Typed {
        by: visit.signed_in().session.admin.name.clone(),
        done: typed::field(&visit, visit.now),
        how: String::new(),
        note: String::new(),
    };
    form(&visit, &door, door.generation, typed, String::new()).await
}

async fn form(
    visit: &Visit,
    door: &Door,
    generation: i64,
    typed: Typed,
    problem: String,
) -> Answer {
    let store = &visit.office.store;
    let face = store
        .find_face(&visit.practice().name, &door.person)
        .await?;
    let template = ByHand {
        frame: Frame::of(visit, "I did it by hand").await,
        name: super::name_of(face.as_ref(), &door.person),
        back: place_of(door),
        generation,
        door: DoorView::new(door, visit),
        by: typed.by,
        done: typed.done,
        how: typed.how,
        note: typed.note,
        zone: visit.practice().zone_name(),
        problem,
    };
    Ok(frame::form(&template.problem, &template))
}

/// Signs.
pub(in super::super) async fn sign(
    Extension(visit): Extension<Arc<Visit>>,
    Path(door): Path<String>,
) -> Answer {
    let door = find(&visit, &door).await?;
    let (typed, generation) = (Typed::read(&visit.form), typed::generation(&visit));
    // A browser gives a file only once: whoever has to send the form again chooses it again.
    let problem_of = |problem: String| match &visit.file {
        Some(Ok(_)) => format!("{problem} Choose the file again, too."),
        _ => problem,
    };
    let done = match check(&typed, &visit) {
        Ok(done) => done,
        Err(problem) => {
            return form(&visit, &door, generation, typed, problem_of(problem)).await;
        }
    };
    let note = match typed.note.as_str() {
        "" => typed.how.clone(),
        note => format!("{}; {note}", typed.how),
    };
    let signed = Attestation {
        by: &typed.by,
        note: &note,
        generation,
        done: Some(done),
        file: visit.file.as_ref().and_then(|file| file.as_ref().ok()),
    };
    let store = &visit.office.store;
    let way = (&door.system, door.way);
    let caller = visit.caller();
    match human::attest(store, &caller, &door.person, way, &signed, visit.now).await? {
        Ok(()) => Ok(see_other(&format!("{}?said=signed", place_of(&door)))),
        Err(reason) => {
            let problem = problem_of(words::for_here(&reason));
            form(&visit, &door, generation, typed, problem).await
        }
    }
}

/// When it was done, if all that is needed was written.
fn check(typed: &Typed, visit: &Visit) -> Result<Timestamp, String> {
    if let Some(Err(unfit)) = &visit.file {
        return Err(words::for_here(&unfit.to_string()));
    }
    if typed.by.is_empty() {
        return Err("Write who did it.".to_owned());
    }
    if typed.how.chars().count() < 5 {
        return Err("Write how it was checked: an auditor may ask. For example: tried the card at the side door.".to_owned());
    }
    let done = typed::time(visit, &typed.done).map_err(|why| trouble::sentence(&why))?;
    if done > visit.now {
        return Err("It cannot have been done later than now.".to_owned());
    }
    Ok(done)
}

/// What somebody signed with. It is taken away, and never shown in a page.
pub(in super::super) async fn file(
    Extension(visit): Extension<Arc<Visit>>,
    Path(sha256): Path<String>,
) -> Answer {
    let store = &visit.office.store;
    let found = store
        .find_signed_file(&visit.practice().name, &sha256)
        .await?;
    let file = found.ok_or(Happened::NotThere)?;
    let bytes = file::bytes_of(&file)
        .ok_or_else(|| Happened::NoArchive("a file that was kept cannot be read".to_owned()))?;
    Ok((
        [
            (header::CONTENT_TYPE, file.kind),
            (header::CONTENT_DISPOSITION, disposition(&file.name)),
        ],
        bytes,
    )
        .into_response())
}
