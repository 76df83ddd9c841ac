//! The body of a request as a template.

use serde_json::{Map, Value};

use super::{
    condition::json,
    template::{Placeholder, Template, Unfillable, Values},
};

/// A body with placeholders.
#[derive(Debug, Clone, PartialEq)]
pub enum BodyTemplate {
    /// None.
    None,
    /// `application/json`: values become whole strings, never a part of the JSON around them.
    Json(JsonTemplate),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, Template)>),
}

/// A JSON value with placeholders in its strings.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonTemplate {
    /// Sent as it is.
    Plain(Value),
    /// A string.
    Text(Template),
    /// The list of levels.
    Levels,
    /// A list.
    List(Vec<Self>),
    /// An object.
    Object(Vec<(String, Self)>),
}

/// The body of a request ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub enum FilledBody {
    /// None.
    None,
    /// `application/json`.
    Json(Value),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
}

impl BodyTemplate {
    /// Reads a body.
    ///
    /// # Errors
    /// When a placeholder cannot be used here, a value has no JSON form, or a form field is not text.
    pub fn parse(
        json: Option<&toml::Value>,
        form: Option<&toml::Table>,
        allowed: &[Placeholder],
    ) -> Result<Self, String> {
        match (json, form) {
            (None, None) => Ok(Self::None),
            (Some(json), None) => JsonTemplate::parse(json, allowed).map(Self::Json),
            (None, Some(form)) => form_template(form, allowed).map(Self::Form),
            (Some(_), Some(_)) => Err("`json` and `form` exclude each other: keep one".to_owned()),
        }
    }

    /// Whether this placeholder is anywhere in it.
    pub fn has(&self, placeholder: Placeholder) -> bool {
        match self {
            Self::None => false,
            Self::Json(json) => json.has(placeholder),
            Self::Form(fields) => fields.iter().any(|(_, value)| value.has(placeholder)),
        }
    }

    /// Fills it.
    ///
    /// # Errors
    /// When there is nothing to put in for a placeholder other than `{cursor}`.
    pub fn fill(&self, values: &dyn Values) -> Result<FilledBody, Unfillable> {
        Ok(match self {
            Self::None => FilledBody::None,
            Self::Json(json) => FilledBody::Json(json.fill(values)?),
            Self::Form(fields) => FilledBody::Form(
                fields
                    .iter()
                    .filter(|(_, value)| !is_first_page(value, values))
                    .map(|(name, value)| Ok((name.clone(), value.fill(values)?)))
                    .collect::<Result<_, Unfillable>>()?,
            ),
        })
    }
}

impl JsonTemplate {
    fn parse(value: &toml::Value, allowed: &[Placeholder]) -> Result<Self, String> {
        match value {
            toml::Value::String(text) => {
                if Template::parse(text, allowed)
                    .is_ok_and(|own| own.only_placeholder() == Some(Placeholder::Levels))
                {
                    return Ok(Self::Levels);
                }
                Template::parse(text, &without_levels(allowed)).map(Self::Text)
            }
            toml::Value::Array(values) => values
                .iter()
                .map(|value| Self::parse(value, allowed))
                .collect::<Result<_, _>>()
                .map(Self::List),
            toml::Value::Table(fields) => fields
                .iter()
                .map(|(key, value)| Ok((key.clone(), Self::parse(value, allowed)?)))
                .collect::<Result<_, _>>()
                .map(Self::Object),
            plain => json(plain).map(Self::Plain),
        }
    }

    fn has(&self, placeholder: Placeholder) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Text(text) => text.has(placeholder),
            Self::Levels => placeholder == Placeholder::Levels,
            Self::List(values) => values.iter().any(|value| value.has(placeholder)),
            Self::Object(fields) => fields.iter().any(|(_, value)| value.has(placeholder)),
        }
    }

    fn fill(&self, values: &dyn Values) -> Result<Value, Unfillable> {
        Ok(match self {
            Self::Plain(value) => value.clone(),
            Self::Text(text) => Value::from(text.fill(values)?),
            Self::Levels => Value::from(values.levels().to_vec()),
            Self::List(list) => Value::Array(
                list.iter()
                    .map(|value| value.fill(values))
                    .collect::<Result<_, _>>()?,
            ),
            Self::Object(fields) => {
                let mut object = Map::new();
                for (key, value) in fields {
                    if let Self::Text(text) = value
                        && is_first_page(text, values)
                    {
                        continue;
                    }
                    object.insert(key.clone(), value.fill(values)?);
                }
                Value::Object(object)
            }
        })
    }
}

/// On the first page there is no cursor yet, and what would hold it is left out.
pub fn is_first_page(value: &Template, values: &dyn Values) -> bool {
    value.only_placeholder() == Some(Placeholder::Cursor)
        && values.text(Placeholder::Cursor).is_none()
}

/// A list of levels has a form only as a JSON value of its own.
pub fn without_levels(allowed: &[Placeholder]) -> Vec<Placeholder> {
    allowed
        .iter()
        .copied()
        .filter(|placeholder| *placeholder != Placeholder::Levels)
        .collect()
}

fn form_template(
    form: &toml::Table,
    allowed: &[Placeholder],
) -> Result<Vec<(String, Template)>, String> {
    form.iter()
        .map(|(name, value)| match value {
            toml::Value::String(text) => Ok((
                name.clone(),
                Template::parse(text, &without_levels(allowed))?,
            )),
            _ => Err(format!("form field `{name}` must be text in quotes")),
        })
        .collect()
}
