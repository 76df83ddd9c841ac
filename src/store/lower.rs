//! Filters and orders in SQL, as far as columns can answer them.
//!
//! A lowered condition keeps every row that fits. When it keeps no other, it is exact: the database
//! counts and pages. Else what it keeps is evaluated in memory by the same filter.

use super::{Dialect, resources::user_columns};
use crate::query::{AttributePath, Comparison, Filter, Literal, Sort, fold};

/// What the columns of one table answer.
#[derive(Debug)]
pub(super) struct Table {
    /// Its name.
    pub(super) name: &'static str,
    /// What a resource is read from.
    pub(super) select: &'static str,
    /// Attributes with a column of their own.
    columns: &'static [Column],
    /// Attributes whose values are rows of another table.
    lists: &'static [List],
    /// Whether `active` is a column.
    has_active: bool,
}

#[derive(Debug)]
struct Column {
    attribute: &'static str,
    sub: Option<&'static str>,
    name: &'static str,
    /// Whether it holds folded text.
    is_folded: bool,
    /// Where one value is looked up, when no index of its table begins with the column; ends with the
    /// condition on the value, written behind it.
    ids_where: Option<&'static str>,
}

#[derive(Debug)]
struct List {
    attribute: &'static str,
    /// Ends with the condition on the value, written behind it.
    ids_where: &'static str,
    is_folded: bool,
    /// Whether it finds nobody who has the value no more.
    is_exact: bool,
}

/// Users of the people who ever bore an identifier of this kind; ends as [`List::ids_where`]. The join is
/// told which way round to go: without statistics SQLite may walk through everybody.
macro_rules! bearers {
    ($kind:literal) => {
        concat!(
            "SELECT u.id FROM identifier i CROSS JOIN scim_user u WHERE i.practice = $1 AND i.kind = '",
            $kind,
            "' AND u.practice = i.practice AND u.person = i.person AND i.folded"
        )
    };
}

const ID: Column = Column {
    attribute: "id",
    sub: None,
    name: "id",
    is_folded: false,
    ids_where: None,
};
const EXTERNAL_ID: Column = Column {
    attribute: "externalId",
    sub: None,
    name: "external_id",
    is_folded: false,
    ids_where: None,
};
const DISPLAY_NAME: Column = Column {
    attribute: "displayName",
    sub: None,
    name: "display_name",
    is_folded: true,
    ids_where: None,
};
const CREATED: Column = Column {
    attribute: "meta",
    sub: Some("created"),
    name: "created",
    is_folded: false,
    ids_where: None,
};
const LAST_MODIFIED: Column = Column {
    attribute: "meta",
    sub: Some("lastModified"),
    name: "modified",
    is_folded: false,
    ids_where: None,
};

/// Users.
pub(super) static USERS: Table = Table {
    name: "scim_user",
    select: concat!("SELECT ", user_columns!(), " FROM scim_user"),
    columns: &[
        ID,
        Column {
            // Its own index begins with the source.
            ids_where: Some(bearers!("external_id")),
            ..EXTERNAL_ID
        },
        DISPLAY_NAME,
        CREATED,
        LAST_MODIFIED,
        Column {
            attribute: "userName",
            sub: None,
            name: "user_name",
            is_folded: true,
            ids_where: None,
        },
    ],
    lists: &[
        List {
            attribute: "emails",
            ids_where: bearers!("email"),
            is_folded: true,
            is_exact: false,
        },
        List {
            attribute: "groups",
            ids_where: "SELECT value FROM scim_group_member WHERE practice = $1 AND group_id",
            is_folded: false,
            is_exact: true,
        },
    ],
    has_active: true,
};

/// Groups.
pub(super) static GROUPS: Table = Table {
    name: "scim_group",
    select: "SELECT id, attributes, version, created, modified FROM scim_group",
    columns: &[ID, EXTERNAL_ID, DISPLAY_NAME, CREATED, LAST_MODIFIED],
    lists: &[List {
        attribute: "members",
        ids_where: "SELECT group_id FROM scim_group_member WHERE practice = $1 AND value",
        is_folded: false,
        is_exact: true,
    }],
    has_active: false,
};

impl Table {
    fn column(&self, path: &AttributePath) -> Option<&Column> {
        self.columns.iter().find(|column| {
            path.schema.is_none()
                && path.name == column.attribute
                && path.sub.as_deref() == column.sub
        })
    }

    fn list(&self, path: &AttributePath) -> Option<&List> {
        self.lists.iter().find(|list| {
            path.schema.is_none()
                && path.name == list.attribute
                && path.sub.as_deref().is_none_or(|sub| sub == "value")
        })
    }

    /// The order in SQL; `None` when no column has it. Equal ones follow in the order of creation.
    pub(super) fn order(&self, sort: Option<&Sort>, dialect: Dialect) -> Option<String> {
        let Some(sort) = sort else {
            return Some("id".to_owned());
        };
        let column = self.column(&sort.path)?.name;
        let bytewise = dialect.bytewise();
        // Those without the attribute are last, and first the other way round.
        let direction = if sort.descending {
            "DESC NULLS FIRST"
        } else {
            "ASC NULLS LAST"
        };
        Some(format!("{column}{bytewise} {direction}, id"))
    }
}

/// A condition with its parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lowered {
    /// Begins with ` AND `, or is empty.
    pub(super) sql: String,
    /// The parameters, from `first` on.
    pub(super) binds: Vec<String>,
    /// Whether it keeps only what fits.
    pub(super) is_exact: bool,
}

/// Lowers a filter on this table. `$1` is the practice; the parameters begin with number `first`.
pub(super) fn lower(
    filter: Option<&Filter>,
    table: &'static Table,
    dialect: Dialect,
    first: usize,
) -> Lowered {
    let Some(filter) = filter else {
        return Lowered {
            is_exact: true,
            ..Lowered::default()
        };
    };
    let mut lowering = Lowering {
        table,
        dialect,
        first,
        binds: Vec::new(),
    };
    match lowering.filter(filter) {
        Some((sql, is_exact)) => Lowered {
            sql: format!(" AND {sql}"),
            binds: lowering.binds,
            is_exact,
        },
        None => Lowered::default(),
    }
}

struct Lowering {
    table: &'static Table,
    dialect: Dialect,
    first: usize,
    binds: Vec<String>,
}

impl Lowering {
    /// The condition and whether it is exact; `None` when no column helps. What was bound for a
    /// part that is not used is taken back.
    fn filter(&mut self, filter: &Filter) -> Option<(String, bool)> {
        let bound = self.binds.len();
        let lowered = match filter {
            Filter::And(parts) => self.all_of(parts),
            Filter::Or(parts) => self.any_of(parts),
            // Unknown is not false in SQL, and here it is.
            Filter::Not(part) => match self.filter(part) {
                Some((sql, true)) => Some((format!("NOT COALESCE({sql}, FALSE)"), true)),
                _ => None,
            },
            Filter::Present(path) => self.present(path),
            Filter::Compare(path, comparison, literal) => self.compare(path, *comparison, literal),
            Filter::Element(path, inner) => self.element(path, inner),
        };
        if lowered.is_none() {
            self.binds.truncate(bound);
        }
        lowered
    }

    fn all_of(&mut self, parts: &[Filter]) -> Option<(String, bool)> {
        let mut conditions = Vec::new();
        let mut is_exact = true;
        for part in parts {
            match self.filter(part) {
                Some((sql, exact)) => {
                    conditions.push(sql);
                    is_exact &= exact;
                }
                None => is_exact = false,
            }
        }
        (!conditions.is_empty()).then(|| (format!("({})", conditions.join(" AND ")), is_exact))
    }

    fn any_of(&mut self, parts: &[Filter]) -> Option<(String, bool)> {
        let mut conditions = Vec::new();
        let mut is_exact = true;
        for part in parts {
            let (sql, exact) = self.filter(part)?;
            conditions.push(sql);
            is_exact &= exact;
        }
        Some((format!("({})", conditions.join(" OR ")), is_exact))
    }

    fn present(&self, path: &AttributePath) -> Option<(String, bool)> {
        let column = self.table.column(path)?;
        Some((format!("{} IS NOT NULL", column.name), true))
    }

    fn compare(
        &mut self,
        path: &AttributePath,
        comparison: Comparison,
        literal: &Literal,
    ) -> Option<(String, bool)> {
        match literal {
            Literal::Boolean(wanted)
                if self.table.has_active && path.schema.is_none() && path.name == "active" =>
            {
                // Those whose `active` was taken away are not active, and not `false` either.
                match (comparison, *wanted) {
                    (Comparison::Equal, true) => Some(("active = 1".to_owned(), true)),
                    (Comparison::NotEqual, true) => Some(("active = 0".to_owned(), true)),
                    (Comparison::Equal, false) => Some(("active = 0".to_owned(), false)),
                    _ => None,
                }
            }
            // An empty text is no value in a column, and one in the resource.
            Literal::Text(text) if !text.is_empty() => {
                if let Some(column) = self.table.column(path) {
                    let place = format!("{}{}", column.name, self.dialect.bytewise());
                    let condition = self.compare_column(&place, comparison, text, column.is_folded);
                    let condition = match (column.ids_where, comparison) {
                        (Some(ids_where), Comparison::Equal) => {
                            let value = self.last_bound();
                            format!("({condition} AND id IN ({ids_where} = {value}))")
                        }
                        _ => condition,
                    };
                    return Some((condition, true));
                }
                self.compare_list(path, comparison, text)
            }
            _ => None,
        }
    }

    /// One of several values fits.
    fn compare_list(
        &mut self,
        path: &AttributePath,
        comparison: Comparison,
        text: &str,
    ) -> Option<(String, bool)> {
        let list = self.table.list(path)?;
        if comparison != Comparison::Equal {
            return None;
        }
        let value = self.bind(text, list.is_folded);
        let condition = format!("id IN ({} = {value})", list.ids_where);
        Some((condition, list.is_exact))
    }

    /// One element fits. Only its value is in a column, so the rest of the element is left open.
    fn element(&mut self, path: &AttributePath, inner: &Filter) -> Option<(String, bool)> {
        match inner {
            Filter::And(parts) => parts
                .iter()
                .find_map(|part| self.element(path, part))
                .map(|(sql, _)| (sql, false)),
            Filter::Compare(part, Comparison::Equal, Literal::Text(text))
                if part.schema.is_none()
                    && part.sub.is_none()
                    && part.name == "value"
                    && !text.is_empty() =>
            {
                self.compare_list(path, Comparison::Equal, text)
            }
            _ => None,
        }
    }

    fn compare_column(
        &mut self,
        place: &str,
        comparison: Comparison,
        text: &str,
        is_folded: bool,
    ) -> String {
        let value = self.bind(text, is_folded);
        match comparison {
            // Without the collation, so that the unique index answers.
            Comparison::Equal => {
                let column = place.split(' ').next().unwrap_or(place);
                format!("{column} = {value}")
            }
            Comparison::NotEqual => format!("({place} IS NULL OR {place} <> {value})"),
            Comparison::Contains => format!("{}({place}, {value}) > 0", self.dialect.position()),
            Comparison::StartsWith => {
                format!("({place} >= {value} AND substr({place}, 1, length({value})) = {value})")
            }
            Comparison::EndsWith => {
                format!("substr({place}, length({place}) - length({value}) + 1) = {value}")
            }
            Comparison::Greater => format!("{place} > {value}"),
            Comparison::GreaterOrEqual => format!("{place} >= {value}"),
            Comparison::Less => format!("{place} < {value}"),
            Comparison::LessOrEqual => format!("{place} <= {value}"),
        }
    }

    fn bind(&mut self, text: &str, is_folded: bool) -> String {
        self.binds.push(if is_folded {
            fold(text)
        } else {
            text.to_owned()
        });
        self.last_bound()
    }

    fn last_bound(&self) -> String {
        format!("${}", self.first + self.binds.len() - 1)
    }
}

#[cfg(test)]
mod tests;
