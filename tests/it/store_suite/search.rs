//! Searching: what the database answers is what the filter says.

use drawbridge::{
    ids::UserId,
    people::User,
    query::{AttributePath, Comparison, Filter, Literal, Sort},
    store::{Found, Search, Start},
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde_json::Value;

use crate::support::TestApp;

/// Names that meet in some way: cases, wildcards of LIKE, one that begins or ends like another.
const NAMES: [&str; 9] = [
    "nina",
    "Nils",
    "NINA.weiss",
    "omar%",
    "omar_1",
    "straße",
    "\u{5d0}\u{5d1}",
    "zed",
    "a\\b",
];
const TEXTS: [&str; 12] = [
    "", "nina", "NI", "i", "%", "_", "STRASSE", "\u{5d0}", "zed", "\\", "b", "ext-zed",
];
const COMPARISONS: [Comparison; 9] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Contains,
    Comparison::StartsWith,
    Comparison::EndsWith,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
];

fn path(name: &str, sub: Option<&str>, case_exact: bool) -> AttributePath {
    AttributePath {
        schema: None,
        name: name.to_owned(),
        sub: sub.map(str::to_owned),
        case_exact,
    }
}

fn attribute() -> impl Strategy<Value = AttributePath> {
    prop::sample::select(vec![
        path("userName", None, false),
        path("externalId", None, true),
        path("displayName", None, false),
        path("emails", Some("value"), false),
        path("title", None, false),
        path("id", None, true),
        path("groups", Some("value"), true),
    ])
}

fn leaf() -> impl Strategy<Value = Filter> {
    let text = prop::sample::select(TEXTS.to_vec()).prop_map(|text| Literal::Text(text.to_owned()));
    let compare = (
        attribute(),
        prop::sample::select(COMPARISONS.to_vec()),
        text,
    )
        .prop_map(|(path, comparison, literal)| Filter::Compare(path, comparison, literal));
    let equality = prop::sample::select(vec![Comparison::Equal, Comparison::NotEqual]);
    let wanted = prop::sample::select(vec![
        Literal::Boolean(true),
        Literal::Boolean(false),
        Literal::Null,
    ]);
    let active = (equality, wanted).prop_map(|(comparison, wanted)| {
        Filter::Compare(path("active", None, false), comparison, wanted)
    });
    let present = prop_oneof![6 => attribute(), 1 => Just(path("active", None, false))];
    let element = prop::sample::select(TEXTS.to_vec()).prop_map(|text| {
        let text = Literal::Text(format!("{text}@elm.example"));
        Filter::Element(
            path("emails", None, false),
            Box::new(Filter::And(vec![
                Filter::Present(path("type", None, false)),
                Filter::Compare(path("value", None, false), Comparison::Equal, text),
            ])),
        )
    });
    prop_oneof![
        6 => compare,
        2 => active,
        1 => present.prop_map(Filter::Present),
        1 => element,
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    leaf().prop_recursive(3, 12, 3, |inner| {
        let parts = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            parts.clone().prop_map(Filter::And),
            parts.prop_map(Filter::Or),
            inner.prop_map(|part| Filter::Not(Box::new(part))),
        ]
    })
}

fn sort() -> impl Strategy<Value = Option<Sort>> {
    prop::option::of(
        (attribute(), any::<bool>()).prop_map(|(path, descending)| Sort { path, descending }),
    )
}

async fn find(app: &TestApp, search: &Search) -> Found<User> {
    app.store
        .search_users(&app.practice(), search)
        .await
        .expect("an answer")
}

fn ids(found: &Found<User>) -> Vec<UserId> {
    found.items.iter().map(|user| user.id.clone()).collect()
}

async fn hire_everybody(app: &TestApp) {
    for (number, name) in NAMES.into_iter().enumerate() {
        let id = app.hire(name, ["Nurse", "Billing"][number % 2]).await;
        app.edit(&id, |attributes| {
            if number % 3 == 0 {
                attributes.insert("displayName".to_owned(), format!("The {name}").into());
            }
            if number % 4 == 2 {
                attributes.insert("title".to_owned(), "".into());
            }
            let active = match number % 4 {
                0 => false.into(),
                1 => Value::Null,
                _ => true.into(),
            };
            attributes.insert("active".to_owned(), active);
        })
        .await;
    }
}

pub async fn the_database_finds_what_the_filter_says(app: &TestApp) {
    hire_everybody(app).await;
    let all = find(
        app,
        &Search {
            limit: 100,
            ..Search::default()
        },
    )
    .await
    .items;
    let strategy = (filter(), sort(), 0_u64..4, 0_u64..6);
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );

    for _ in 0..300 {
        let (filter, sort, offset, limit) = strategy.new_tree(&mut runner).unwrap().current();
        let mut fitting: Vec<(Value, &User)> = all
            .iter()
            .map(|user| (user.to_json(&[]), user))
            .filter(|(json, _)| filter.matches(json))
            .collect();
        if let Some(sort) = &sort {
            fitting.sort_by(|(a, _), (b, _)| sort.compare(a, b));
        }
        let expected: Vec<UserId> = fitting
            .iter()
            .skip(usize::try_from(offset).unwrap())
            .take(usize::try_from(limit).unwrap())
            .map(|(_, user)| user.id.clone())
            .collect();
        let search = Search {
            filter: Some(filter),
            sort,
            start: Start::Offset(offset),
            limit,
            known_total: None,
        };

        let found = find(app, &search).await;

        assert_eq!(ids(&found), expected, "{search:?}");
        assert_eq!(found.total, fitting.len() as u64, "{search:?}");
        assert_eq!(
            found.has_more,
            fitting.len() as u64 > offset + expected.len() as u64 && offset <= fitting.len() as u64,
            "{search:?}"
        );
    }
}

pub async fn a_walk_page_by_page_sees_everybody_once_whoever_leaves_meanwhile(app: &TestApp) {
    let mut hired = Vec::new();
    for number in 0..10 {
        hired.push(app.hire(&format!("nurse{number}"), "Nurse").await);
    }
    let page = |offset| Search {
        start: Start::Offset(offset),
        limit: 3,
        ..Search::default()
    };
    assert_eq!(ids(&find(app, &page(0)).await), hired[0..3]);
    assert_eq!(ids(&find(app, &page(3)).await), hired[3..6]);

    app.delete(&hired[0]).await;

    let found = find(app, &page(6)).await;
    assert_eq!(found.total, 9);
    assert_eq!(ids(&found), hired[7..10], "the places moved by one");
    let after = Search {
        start: Start::After(hired[5].as_str().to_owned()),
        limit: 3,
        ..Search::default()
    };
    let found = find(app, &after).await;
    assert_eq!(ids(&found), hired[6..9]);
    assert!(found.has_more);
}
