//! People as other people see them: names in place of ids, and finding somebody by part of a name.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{
    Store, StoreError,
    row::{Row, placeholders},
    statement::Statement,
};
use crate::{
    ids::{PersonId, PracticeName},
    people::user::{self, Attributes},
    query::fold,
};

/// How many people one statement reads.
const AT_ONCE: usize = 100;

/// How many people are looked at for one search.
const MOST_READ: usize = 2_000;

/// Somebody as they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Face {
    /// Who.
    pub person: PersonId,
    /// What people call them.
    pub name: String,
    /// Their userName; empty when no User points at them.
    pub user_name: String,
    /// Their job, as the source says it.
    pub title: Option<String>,
    /// Whether the source says that they may get in; `None` when no User points at them.
    pub is_active: Option<bool>,
    /// When their departure was learned of, while they are gone.
    pub departed_at: Option<Timestamp>,
}

impl Face {
    /// The first letters of their names, for screens that anybody may see.
    pub fn initials(&self) -> String {
        let mut letters = self
            .name
            .split(|letter: char| !letter.is_alphanumeric())
            .filter_map(|part| part.chars().next())
            .flat_map(char::to_uppercase);
        match (letters.next(), letters.last()) {
            (Some(first), Some(last)) => format!("{first}.{last}."),
            (Some(only), None) => format!("{only}."),
            _ => "?".to_owned(),
        }
    }
}

fn face_of(row: &Row) -> Result<Face, StoreError> {
    let attributes: Attributes = match row.maybe_text("attributes")? {
        Some(text) => serde_json::from_str(&text).unwrap_or_default(),
        None => Attributes::new(),
    };
    let is_there = row.maybe_text("user_id")?.is_some() && row.maybe_text("deleted")?.is_none();
    let person: PersonId = row.text("person")?.into();
    let user_name = user::text(&attributes, "userName")
        .unwrap_or_default()
        .to_owned();
    Ok(Face {
        name: name_in(&attributes)
            .or_else(|| (!user_name.is_empty()).then(|| user_name.clone()))
            .unwrap_or_else(|| person.as_str().to_owned()),
        title: user::text(&attributes, "title").map(str::to_owned),
        is_active: is_there.then(|| user::is_active(&attributes)),
        departed_at: row.maybe_time("departed_at")?,
        person,
        user_name,
    })
}

/// What a User is called, if it says more than a userName.
fn name_in(attributes: &Attributes) -> Option<String> {
    let name = attributes
        .get("name")
        .and_then(serde_json::Value::as_object);
    let part = |part| name.and_then(|name| user::text(name, part));
    if let Some(name) = user::text(attributes, "displayName").or_else(|| part("formatted")) {
        return Some(name.to_owned());
    }
    match (part("givenName"), part("familyName")) {
        (Some(given), Some(family)) => Some(format!("{given} {family}")),
        (one, other) => one.or(other).map(str::to_owned),
    }
}

impl Store {
    /// Each of these people as they are shown. Whoever is not of this practice is left out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_faces(
        &self,
        practice: &PracticeName,
        people: &[PersonId],
    ) -> Result<HashMap<PersonId, Face>, StoreError> {
        let mut faces = HashMap::new();
        for people in people.chunks(AT_ONCE) {
            // Those that count come last: the User that is there before one that was deleted.
            let sql = format!(
                "SELECT p.id AS person, p.departed_at AS departed_at, u.id AS user_id, u.attributes AS attributes,
                     u.deleted AS deleted
                 FROM person p LEFT JOIN scim_user u ON u.practice = p.practice AND u.person = p.id
                 WHERE p.practice = $1 AND p.id IN ({})
                 ORDER BY CASE WHEN u.deleted IS NULL THEN 1 ELSE 0 END, u.modified",
                placeholders(2, people.len())
            );
            let mut statement = Statement::new(sql).bind(practice.as_str());
            for person in people {
                statement = statement.bind(person.as_str());
            }
            for row in &self.rows(statement).await? {
                let face = face_of(row)?;
                faces.insert(face.person.clone(), face);
            }
        }
        Ok(faces)
    }

    /// One person as they are shown; `None` when nobody of this practice has the id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_face(
        &self,
        practice: &PracticeName,
        person: &PersonId,
    ) -> Result<Option<Face>, StoreError> {
        let mut faces = self
            .find_faces(practice, std::slice::from_ref(person))
            .await?;
        Ok(faces.remove(person))
    }

    /// People of whom some name, address, number or job contains this text, whatever its case, the latest
    /// first; everybody when it is empty.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn search_people(
        &self,
        practice: &PracticeName,
        text: &str,
        most: usize,
    ) -> Result<Vec<Face>, StoreError> {
        let text = fold(text.trim());
        let position = self.dialect().position();
        // What stands in the attributes is looked for roughly here, and rightly below: the keys are in
        // there too, and databases fold ASCII alone.
        let is_rough = if text.is_ascii() {
            format!("{position}(LOWER(u.attributes), $2) > 0")
        } else {
            "1 = 1".to_owned()
        };
        let sql = format!(
            "SELECT id, is_named FROM (SELECT p.id AS id,
                 CASE WHEN $2 = '' OR EXISTS (SELECT 1 FROM identifier i WHERE i.practice = $1 AND i.person = p.id
                      AND {position}(i.folded, $2) > 0) THEN 1 ELSE 0 END AS is_named,
                 CASE WHEN EXISTS (SELECT 1 FROM scim_user u WHERE u.practice = $1 AND u.person = p.id
                      AND {is_rough}) THEN 1 ELSE 0 END AS is_near
                 FROM person p WHERE p.practice = $1) AS found
             WHERE is_named = 1 OR is_near = 1 ORDER BY id DESC LIMIT {MOST_READ}"
        );
        let statement = Statement::new(sql)
            .bind(practice.as_str())
            .bind(text.as_str());
        let mut found = Vec::new();
        for row in &self.rows(statement).await? {
            found.push((PersonId::from(row.text("id")?), row.flag("is_named")?));
        }
        let people: Vec<PersonId> = found.iter().map(|(person, _)| person.clone()).collect();
        let mut faces = self.find_faces(practice, &people).await?;
        let is_meant = |face: &Face| {
            let title = face.title.as_deref().unwrap_or_default();
            fold(&face.name).contains(&text) || fold(title).contains(&text)
        };
        Ok(found
            .into_iter()
            .filter_map(|(person, is_named)| Some((faces.remove(&person)?, is_named)))
            .filter(|(face, is_named)| *is_named || is_meant(face))
            .map(|(face, _)| face)
            .take(most)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_screen_shows_initials_only() {
        let named = |name: &str| {
            let face = Face {
                person: "p1".into(),
                name: name.to_owned(),
                user_name: String::new(),
                title: None,
                is_active: None,
                departed_at: None,
            };
            face.initials()
        };

        assert_eq!(named("Nina Okafor"), "N.O.");
        assert_eq!(named("nina van der okafor"), "N.O.");
        assert_eq!(named("Élodie"), "É.");
        assert_eq!(named(""), "?");
    }
}
