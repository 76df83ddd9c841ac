//! People as other people see them: names in place of ids, and finding somebody by part of a name.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{
    Store, StoreError,
    dialect::Dialect,
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

    /// People of whom some name, address, number or job contains this text, whatever its case; everybody when
    /// it is empty. Those of whom an address or a number does come first, and then the latest.
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
        let mut found = self.find_named(practice, &text, most).await?;
        let mut before = None;
        // Whoever is not found is taken to be not here: everybody who may be meant is looked at.
        while found.len() < most {
            let people = self.find_near(practice, &text, before.as_ref()).await?;
            let Some(last) = people.last() else {
                break;
            };
            before = Some(last.clone());
            let faces = self.faces_in_order(practice, &people).await?;
            found.extend(faces.into_iter().filter(|face| is_called(face, &text)));
        }
        found.truncate(most);
        Ok(found)
    }

    /// Those who bear an identifier that contains the folded text.
    async fn find_named(
        &self,
        practice: &PracticeName,
        text: &str,
        most: usize,
    ) -> Result<Vec<Face>, StoreError> {
        let bears = bears(self.dialect());
        let sql = format!(
            "SELECT p.id AS id FROM person p WHERE p.practice = $1 AND ($2 = '' OR {bears}) ORDER BY p.id DESC LIMIT {most}"
        );
        let statement = Statement::new(sql).bind(practice.as_str()).bind(text);
        let people = self.person_ids(statement).await?;
        self.faces_in_order(practice, &people).await
    }

    /// The next of those who bear no such identifier, and of whom something else may contain the text.
    ///
    /// What stands in the attributes is looked for roughly, for the keys are in there too, and databases fold
    /// ASCII alone: whatever has other letters in it may be meant.
    async fn find_near(
        &self,
        practice: &PracticeName,
        text: &str,
        before: Option<&PersonId>,
    ) -> Result<Vec<PersonId>, StoreError> {
        let position = self.dialect().position();
        let bears = bears(self.dialect());
        let after_those = before.map_or("", |_| "AND p.id < $4");
        let sql = format!(
            "SELECT p.id AS id FROM person p WHERE p.practice = $1 {after_those} AND $2 <> '' AND NOT {bears}
                 AND EXISTS (SELECT 1 FROM scim_user u WHERE u.practice = $1 AND u.person = p.id
                     AND ({position}(LOWER(u.attributes), $3) > 0
                          OR OCTET_LENGTH(u.attributes) > LENGTH(u.attributes)))
             ORDER BY p.id DESC LIMIT {AT_ONCE}"
        );
        let quoted = serde_json::Value::from(text).to_string();
        // As it stands between the quotation marks.
        let in_json = quoted.get(1..quoted.len() - 1);
        let mut statement = Statement::new(sql)
            .bind(practice.as_str())
            .bind(text)
            .bind(in_json.unwrap_or(text));
        if let Some(before) = before {
            statement = statement.bind(before.as_str());
        }
        self.person_ids(statement).await
    }

    async fn person_ids(&self, statement: Statement) -> Result<Vec<PersonId>, StoreError> {
        let rows = self.rows(statement).await?;
        rows.iter().map(|row| Ok(row.text("id")?.into())).collect()
    }

    async fn faces_in_order(
        &self,
        practice: &PracticeName,
        people: &[PersonId],
    ) -> Result<Vec<Face>, StoreError> {
        let mut faces = self.find_faces(practice, people).await?;
        let in_order = people.iter().filter_map(|person| faces.remove(person));
        Ok(in_order.collect())
    }
}

/// Whether person `p` bears an identifier that contains the folded text `$2`.
fn bears(dialect: Dialect) -> String {
    let position = dialect.position();
    format!(
        "EXISTS (SELECT 1 FROM identifier i WHERE i.practice = $1 AND i.person = p.id AND {position}(i.folded, $2) > 0)"
    )
}

/// Whether somebody's name or job contains the folded text.
fn is_called(face: &Face, text: &str) -> bool {
    let title = face.title.as_deref().unwrap_or_default();
    fold(&face.name).contains(text) || fold(title).contains(text)
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
