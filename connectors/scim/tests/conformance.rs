//! The conformance suite, against a make-believe provider with three kinds of manners.

use std::sync::Arc;

use async_trait::async_trait;
use drawbridge_conformance::{
    FakeVendor, Fault, FaultyProxy, Fixture, Place, SecretFile,
    vendor::{CANARY, TOKEN, records::User},
};
use drawbridge_sdk::{
    AccountId, Ask, Canary, CloseCall, Connector, Effect, FailureClass, Finality, OpenCall,
    Subject, Way,
};
use support::{
    CALL_TIMEOUT,
    admin::WRONG_TOKEN,
    connector, connector_trusting, error_inside_success,
    fake::{GROUPS, Manners, routes},
};

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

/// A provider, and what produces the faults of a network before it.
struct Provider {
    vendor: FakeVendor,
    proxy: FaultyProxy,
    token: SecretFile,
    wrong_token: SecretFile,
}

impl Provider {
    async fn start(manners: Manners) -> Self {
        let vendor = FakeVendor::start_with(|records| routes(records, manners)).await;
        let proxy = FaultyProxy::start(vendor.address())
            .answering(Fault::ErrorInsideSuccess, |_| Some(error_inside_success()));
        Self {
            vendor,
            proxy,
            token: SecretFile::holding(TOKEN),
            wrong_token: SecretFile::holding(WRONG_TOKEN),
        }
    }

    fn connector(&self, token: &SecretFile) -> Arc<dyn Connector> {
        connector(
            &format!("{}/scim/v2", self.proxy.url()),
            token,
            CALL_TIMEOUT,
        )
    }

    fn user(&self, subject: &Subject) -> Option<User> {
        self.vendor.records().user(subject.user_name()?)
    }
}

fn person(name: &str) -> Subject {
    Subject {
        user_names: vec![name.to_owned()],
        emails: vec![format!("{name}@practice.example")],
        ..Subject::default()
    }
}

macro_rules! suite_with {
    ($module:ident, $manners:expr) => {
        mod $module {
            use super::*;

            struct Here(Provider);

            #[async_trait]
            impl Fixture for Here {
                async fn start() -> Self {
                    Self(Provider::start($manners).await)
                }

                fn connector(&self) -> Arc<dyn Connector> {
                    self.0.connector(&self.0.token)
                }

                fn connector_with_wrong_credential(&self) -> Arc<dyn Connector> {
                    self.0.connector(&self.0.wrong_token)
                }

                fn canary(&self) -> String {
                    CANARY.to_owned()
                }

                async fn add_account(&self, name: &str) -> Subject {
                    self.0.vendor.records().add(name);
                    person(name)
                }

                fn stranger(&self, name: &str) -> Subject {
                    person(name)
                }

                async fn can_log_in(&self, _subject: &Subject) -> Option<bool> {
                    None
                }

                async fn is_enabled(&self, subject: &Subject) -> Option<bool> {
                    self.0.user(subject).map(|user| user.active)
                }

                async fn open_session(&self, _subject: &Subject) -> bool {
                    false
                }

                async fn open_sessions(&self, _subject: &Subject) -> Option<u32> {
                    None
                }

                fn levels(&self) -> Vec<String> {
                    GROUPS.map(str::to_owned).to_vec()
                }

                async fn levels_of(&self, subject: &Subject) -> Vec<String> {
                    self.0
                        .user(subject)
                        .map(|user| user.roles)
                        .unwrap_or_default()
                }

                async fn misbehave(&self, fault: Fault) -> bool {
                    self.0.vendor.misbehave(fault) || self.0.proxy.misbehave(fault).await
                }

                async fn behave(&self) {
                    self.0.vendor.behave();
                    self.0.proxy.behave();
                }

                fn proxy(&self) -> Option<&FaultyProxy> {
                    Some(&self.0.proxy)
                }

                fn connector_at(&self, place: &Place) -> Option<Arc<dyn Connector>> {
                    let url = format!("https://{}/scim/v2", place.host);
                    let (ca_file, token) = (Some(place.ca_file.as_path()), &self.0.token);
                    Some(connector_trusting(ca_file, &url, token, CALL_TIMEOUT))
                }

                fn secrets(&self) -> Vec<String> {
                    vec![TOKEN.to_owned(), WRONG_TOKEN.to_owned()]
                }
            }

            drawbridge_conformance::suite!(
                Here,
                claims = [create, set_role, disable, read_back, list_accounts],
                http
            );
        }
    };
}

suite_with!(a_modern_provider, Manners::Modern);
suite_with!(a_terse_provider, Manners::Terse);
suite_with!(a_stubborn_provider, Manners::Stubborn);

fn close_call(subject: &Subject) -> CloseCall {
    CloseCall {
        subject: subject.clone(),
        way: Way::Account,
        managed_levels: Vec::new(),
        idempotency_key: "key".to_owned(),
    }
}

fn open_call(subject: &Subject) -> OpenCall {
    OpenCall {
        subject: subject.clone(),
        way: Way::Account,
        levels: Vec::new(),
        managed_levels: Vec::new(),
        forward_to: None,
        until: None,
        idempotency_key: "key".to_owned(),
    }
}

/// `GET /Users/{id}` answers with the canary's record, whose state is `of_the_other`.
async fn somebody_else_is_left_alone(manners: Manners, of_the_other: bool) {
    let provider = Provider::start(manners).await;
    let nina = provider.vendor.records().add("nina");
    let other = |user: &mut User| user.active = of_the_other;
    provider.vendor.records().edit(CANARY, other);
    provider.vendor.records().edit("nina", other);
    let connector = provider.connector(&provider.token);
    let known = Subject {
        account_ids: vec![AccountId(nina.id)],
        ..person("nina")
    };
    provider.vendor.misbehave(Fault::SomebodyElse);

    let outcome = if of_the_other {
        connector.close(&close_call(&known)).await
    } else {
        connector.open(&open_call(&known)).await
    };

    let seen = provider.proxy.seen();
    assert!(seen.iter().any(|asked| asked.path.contains("/Users/")));
    let changes: Vec<_> = seen.iter().filter(|asked| asked.method != "GET").collect();
    assert!(changes.is_empty(), "{manners:?}: {changes:?}");
    let canary = provider.vendor.records().user(CANARY).expect("the canary");
    assert_eq!(canary.active, of_the_other);
    let error = outcome.expect_err("a record of somebody else");
    assert_eq!(error.class, FailureClass::Contract, "{manners:?}");
}

#[tokio::test]
async fn a_record_of_somebody_else_under_a_known_id_is_never_acted_on() {
    for manners in [Manners::Modern, Manners::Terse, Manners::Stubborn] {
        somebody_else_is_left_alone(manners, true).await;
        somebody_else_is_left_alone(manners, false).await;
    }
}

#[tokio::test]
async fn a_yes_without_a_record_is_not_believed_before_it_is_read_back() {
    let provider = Provider::start(Manners::Terse).await;
    provider.vendor.records().add("nina");
    let connector = provider.connector(&provider.token);
    provider.vendor.misbehave(Fault::SaysYesDoesNothing);

    let error = connector
        .close(&close_call(&person("nina")))
        .await
        .expect_err("not believed");

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Contract, Finality::Answered)
    );
}

#[tokio::test]
async fn a_filter_that_finds_nobody_ever_is_found_out_by_the_canary_and_not_used_again() {
    let provider = Provider::start(Manners::Terse).await;
    let id = provider.vendor.records().add("nina").id;
    let connector = provider.connector(&provider.token);
    let by_email = Subject {
        emails: vec!["nina@practice.example".to_owned()],
        ..Subject::default()
    };
    let ask = Ask {
        subject: by_email.clone(),
        way: Way::Account,
        canary: Some(CANARY.to_owned()),
    };

    let seen = connector.observe(&ask).await.expect("a reading");
    let closed = connector
        .close(&close_call(&by_email))
        .await
        .expect("an outcome");

    assert_eq!(
        (seen.accounts[0].id.as_str(), seen.canary),
        (id.as_str(), Canary::Seen)
    );
    assert!(matches!(closed.blocked, Effect::Done), "{closed:?}");
}
