//! A request as a template: method, path, query and body.

use drawbridge_sdk::http::Method;

use super::{
    body::{BodyTemplate, FilledBody, is_first_page, without_levels},
    template::{Placeholder, Template, Unfillable, Values},
};

/// The methods a vendor file can name. A DELETE takes something away (a session, a level, an access);
/// it never deletes an account.
const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

/// A request with placeholders. Its shape is fixed when the file is read: values fill path segments,
/// query values and strings in the body, and can make none of them into two.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestTemplate {
    /// The method.
    pub method: Method,
    /// How the request is named in receipts: as it is written in the file, without any value.
    pub line: String,
    segments: Vec<Template>,
    query: Vec<(String, Option<Template>)>,
    body: BodyTemplate,
}

/// A request ready to be sent, relative to the base address.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled {
    /// The method.
    pub method: Method,
    /// Path and query, starting with `/`.
    pub path_and_query: String,
    /// The body.
    pub body: FilledBody,
}

/// The parts of a request as they are written.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// For example `PUT /users/{account_id}/suspended`.
    pub request: &'a str,
    /// A JSON body.
    pub json: Option<&'a toml::Value>,
    /// A form body.
    pub form: Option<&'a toml::Table>,
}

impl RequestTemplate {
    /// Reads a request.
    ///
    /// # Errors
    /// A sentence without the key, when the method is unknown, the path leads elsewhere, or a
    /// placeholder cannot be used here.
    pub fn parse(written: Written<'_>, allowed: &[Placeholder]) -> Result<Self, String> {
        let (method, target) = written
            .request
            .split_once(' ')
            .and_then(|(method, target)| {
                let method = METHODS.into_iter().find(|known| known.as_str() == method)?;
                Some((method, target))
            })
            .ok_or("write a method and a path, such as `GET /users/{account_id}`")?;
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let body = BodyTemplate::parse(written.json, written.form, allowed)?;
        if method == Method::GET && body != BodyTemplate::None {
            return Err("a GET has no body: put the values into the query".to_owned());
        }
        Ok(Self {
            method,
            line: written.request.to_owned(),
            segments: path_template(path, &without_levels(allowed))?,
            query: query
                .map(|query| query_template(query, &without_levels(allowed)))
                .transpose()?
                .unwrap_or_default(),
            body,
        })
    }

    /// Whether this placeholder is anywhere in it.
    pub fn has(&self, placeholder: Placeholder) -> bool {
        self.segments.iter().any(|segment| segment.has(placeholder))
            || self
                .query
                .iter()
                .any(|(_, value)| value.as_ref().is_some_and(|value| value.has(placeholder)))
            || self.body.has(placeholder)
    }

    /// Fills it.
    ///
    /// # Errors
    /// When there is nothing to put in for a placeholder, or it cannot be a part of a path. Only
    /// `{cursor}` may be empty: on the first page the query value or JSON field is left out.
    pub fn fill(&self, values: &dyn Values) -> Result<Filled, Unfillable> {
        let mut path_and_query = String::new();
        for segment in &self.segments {
            path_and_query.push('/');
            path_and_query.push_str(&segment.fill_segment(values)?);
        }
        let mut separator = '?';
        for (name, value) in &self.query {
            if value
                .as_ref()
                .is_some_and(|value| is_first_page(value, values))
            {
                continue;
            }
            path_and_query.push(separator);
            path_and_query.push_str(name);
            if let Some(value) = value {
                path_and_query.push('=');
                path_and_query.push_str(&value.fill_query(values)?);
            }
            separator = '&';
        }
        Ok(Filled {
            method: self.method.clone(),
            path_and_query,
            body: self.body.fill(values)?,
        })
    }
}

fn path_template(path: &str, allowed: &[Placeholder]) -> Result<Vec<Template>, String> {
    let Some(path) = path.strip_prefix('/') else {
        return Err(format!(
            "`{path}` does not start with `/`: write the path below `base_url`"
        ));
    };
    path.split('/')
        .map(|segment| {
            if segment.is_empty() || segment == "." || segment == ".." {
                return Err(format!(
                    "`/{path}` has a segment that is empty or made of dots: write the plain path"
                ));
            }
            only_address_letters(segment)?;
            Template::parse(segment, allowed)
        })
        .collect()
}

fn query_template(
    query: &str,
    allowed: &[Placeholder],
) -> Result<Vec<(String, Option<Template>)>, String> {
    query
        .split('&')
        .map(|pair| {
            only_address_letters(pair)?;
            match pair.split_once('=') {
                Some((name, value)) => {
                    Template::parse(name, &[])?;
                    Ok((name.to_owned(), Some(Template::parse(value, allowed)?)))
                }
                None => Template::parse(pair, &[]).map(|_| (pair.to_owned(), None)),
            }
        })
        .collect()
}

fn only_address_letters(text: &str) -> Result<(), String> {
    if text.contains("{{") || text.contains("}}") {
        return Err(format!(
            "`{text}` holds a brace, which an address cannot: write it percent-encoded"
        ));
    }
    match text
        .chars()
        .find(|letter| !letter.is_ascii_graphic() || "#\"<>\\^`|".contains(*letter))
    {
        Some(letter) => Err(format!(
            "`{text}` holds {letter:?}, which an address cannot: write it percent-encoded"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Person {
        name: &'static str,
        levels: Vec<String>,
    }

    impl Values for Person {
        fn text(&self, placeholder: Placeholder) -> Option<String> {
            (placeholder != Placeholder::Cursor).then(|| self.name.to_owned())
        }

        fn levels(&self) -> &[String] {
            &self.levels
        }
    }

    const ANY: [Placeholder; 4] = [
        Placeholder::AccountId,
        Placeholder::UserName,
        Placeholder::Levels,
        Placeholder::Cursor,
    ];

    fn parse(toml: &str) -> Result<RequestTemplate, String> {
        let table: toml::Table = toml::from_str(toml).unwrap();
        let written = Written {
            request: table["request"].as_str().unwrap(),
            json: table.get("json"),
            form: table.get("form").and_then(toml::Value::as_table),
        };
        RequestTemplate::parse(written, &ANY)
    }

    fn filled(toml: &str, name: &'static str) -> Filled {
        let levels = vec!["nurse\"".to_owned(), "front desk".to_owned()];
        parse(toml).unwrap().fill(&Person { name, levels }).unwrap()
    }

    #[test]
    fn a_hostile_name_changes_neither_path_nor_query() {
        let request = filled(
            r#"request = "GET /users/{user_name}/x?q={user_name}&all=true""#,
            "../a?b&c#d\r\n",
        );

        assert_eq!(
            request.path_and_query,
            "/users/..%2Fa%3Fb%26c%23d%0D%0A/x?q=..%2Fa%3Fb%26c%23d%0D%0A&all=true"
        );
    }

    #[test]
    fn a_hostile_name_stays_one_json_string() {
        let request = filled(
            "request = \"POST /users\"\njson = { name = \"{user_name}\", admin = false, n = 3, deep = [{ a = \"x-{user_name}\" }] }",
            "\",\"admin\":true,\"x\":\"\n",
        );

        assert_eq!(
            request.body,
            FilledBody::Json(json!({
                "name": "\",\"admin\":true,\"x\":\"\n",
                "admin": false,
                "n": 3,
                "deep": [{"a": "x-\",\"admin\":true,\"x\":\"\n"}],
            }))
        );
    }

    #[test]
    fn levels_become_a_json_list() {
        let request = filled("request = \"PUT /u\"\njson = { roles = \"{levels}\" }", "x");

        assert_eq!(
            request.body,
            FilledBody::Json(json!({"roles": ["nurse\"", "front desk"]}))
        );
    }

    #[test]
    fn levels_cannot_be_spliced_into_text() {
        for wrong in [
            "request = \"PUT /u\"\njson = { roles = \"x{levels}\" }",
            "request = \"GET /u/{levels}\"",
            "request = \"GET /u?r={levels}\"",
            "request = \"PUT /u\"\nform = { r = \"{levels}\" }",
        ] {
            assert!(
                parse(wrong)
                    .unwrap_err()
                    .contains("`{levels}` cannot be used here"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_form_keeps_its_fields_apart() {
        let request = filled(
            "request = \"POST /bans\"\nform = { email = \"{user_name}\" }",
            "a&b=c",
        );

        assert_eq!(
            request.body,
            FilledBody::Form(vec![("email".to_owned(), "a&b=c".to_owned())])
        );
    }

    #[test]
    fn the_first_page_asks_without_a_cursor() {
        assert_eq!(
            filled("request = \"GET /u?size=5&after={cursor}\"", "x").path_and_query,
            "/u?size=5"
        );
        assert_eq!(
            filled(
                "request = \"POST /u\"\njson = { after = \"{cursor}\", n = 1 }",
                "x"
            )
            .body,
            FilledBody::Json(json!({"n": 1}))
        );
    }

    #[test]
    fn a_request_that_cannot_be_meant_is_refused_with_the_way_out() {
        for (wrong, says) in [
            ("request = \"users\"", "such as `GET /users"),
            ("request = \"FETCH /users\"", "such as `GET /users"),
            ("request = \"GET users\"", "does not start with `/`"),
            (
                "request = \"GET https://evil/users\"",
                "does not start with `/`",
            ),
            ("request = \"GET //evil/users\"", "empty or made of dots"),
            ("request = \"GET /a/../b\"", "empty or made of dots"),
            ("request = \"GET /a#b\"", "percent-encoded"),
            ("request = \"GET /a b\"", "percent-encoded"),
            ("request = \"GET /a?b={{c}}\"", "holds a brace"),
            ("request = \"GET /a\\\\b\"", "percent-encoded"),
            ("request = \"GET /a?{user_name}=1\"", "cannot be used here"),
            ("request = \"GET /a?b={nobody}\"", "no placeholder"),
            (
                "request = \"GET /a\"\njson = { a = 1 }",
                "a GET has no body",
            ),
            (
                "request = \"POST /a\"\njson = { a = 1 }\nform = { b = \"c\" }",
                "exclude each other",
            ),
            (
                "request = \"POST /a\"\njson = { a = 2026-11-23 }",
                "is a date",
            ),
            ("request = \"POST /a\"\nform = { a = 1 }", "must be text"),
        ] {
            let error = parse(wrong).unwrap_err();
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }

    #[test]
    fn the_line_for_receipts_holds_no_value() {
        assert_eq!(
            parse("request = \"GET /u/{user_name}\"").unwrap().line,
            "GET /u/{user_name}"
        );
    }
}
