//! Forms as a browser reads them: those of a page, and those of the templates that all pages are made of.

use std::path::Path;

/// What somebody does with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It goes along unseen.
    Hidden,
    /// They type into it.
    Typed,
    /// They choose from a list.
    Chosen,
    /// They tick it, or press a button with a name.
    Pressed,
    /// They pick a file.
    File,
}

/// One field.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    pub value: String,
    pub kind: Kind,
}

/// One form that is sent by POST.
#[derive(Debug, Clone)]
pub struct Form {
    pub action: String,
    pub fields: Vec<Field>,
}

impl Form {
    /// What a browser would send, but for what proves where it comes from.
    pub fn filled(&self) -> Vec<(String, String)> {
        let all = self.fields.iter().filter(|field| field.name != "csrf");
        all.map(|field| (field.name.clone(), field.value.clone()))
            .collect()
    }
}

/// Every form of a text of HTML; one whose buttons lead to several places counts once for each.
pub fn read(html: &str) -> Vec<Form> {
    let forms = html.split("<form ").skip(1);
    let forms = forms.map(|form| form.split("</form>").next().unwrap_or_default());
    let posts = forms.filter(|form| form.starts_with("method=\"post\""));
    posts
        .flat_map(|form| {
            let others = form.split("<button ").skip(1);
            let others = others.map(|button| attribute(button, "formaction"));
            let actions = others.filter(|action| !action.is_empty());
            let fields = fields(form);
            std::iter::once(attribute(form, "action"))
                .chain(actions)
                .map(move |action| Form {
                    action,
                    fields: fields.clone(),
                })
        })
        .collect()
}

/// Every form of every template that leads to one place.
pub fn of_all_templates() -> Vec<Form> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console/templates");
    let mut forms = Vec::new();
    for file in std::fs::read_dir(folder).expect("templates") {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("text");
        forms.extend(read(&text));
    }
    // Two send again what another form sent.
    forms.retain(|form| form.action.starts_with('/'));
    forms
}

fn fields(form: &str) -> Vec<Field> {
    let tags = form.split('<').skip(1);
    tags.filter_map(|tag| {
        let name = Some(attribute(tag, "name")).filter(|name| !name.is_empty())?;
        let (kind, value) = match tag.split([' ', '>']).next()? {
            "input" => {
                let kind = match attribute(tag, "type").as_str() {
                    "hidden" => Kind::Hidden,
                    "checkbox" => Kind::Pressed,
                    "file" => Kind::File,
                    _ => Kind::Typed,
                };
                (kind, attribute(tag, "value"))
            }
            "textarea" => {
                let typed = tag.split_once('>').map_or("", |(_, typed)| typed);
                (Kind::Typed, plain(typed))
            }
            "select" => (Kind::Chosen, String::new()),
            "button" => (Kind::Pressed, attribute(tag, "value")),
            _ => return None,
        };
        Some(Field { name, value, kind })
    })
    .collect()
}

fn attribute(tag: &str, name: &str) -> String {
    let start = format!("{name}=\"");
    let mut found = tag.match_indices(&start).map(|(at, _)| at);
    let at = found.find(|at| *at == 0 || tag[..*at].ends_with(' '));
    let value = at.and_then(|at| tag[at + start.len()..].split('"').next());
    plain(value.unwrap_or_default())
}

/// Text as it was before it was put on a page.
pub fn plain(text: &str) -> String {
    let escapes = [
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#38;", "&"),
    ];
    escapes
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
