//! The rules every connector is held against: over the kit's make-believe vendor, and over the stubs of the
//! shipped vendors.

mod support;

mod fake {
    use std::{path::Path, sync::Arc, time::Duration};

    use async_trait::async_trait;
    use drawbridge_conformance::{
        Canned, FakeVendor, Fault, FaultyProxy, Fixture, Place,
        vendor::{CANARY, PASSWORD, TOKEN},
    };
    use drawbridge_sdk::{Connector, Subject};
    use serde_json::json;

    use crate::support::{CALL_TIMEOUT, context, person, secret};

    struct Fake {
        vendor: FakeVendor,
        proxy: FaultyProxy,
    }

    impl Fake {
        fn connector_with(&self, token: &str) -> Arc<dyn Connector> {
            connector(&self.proxy.url(), None, token)
        }

        fn login<'a>(&self, subject: &'a Subject) -> &'a str {
            subject.user_name().expect("every person here has one")
        }
    }

    fn connector(base_url: &str, ca_file: Option<&Path>, token: &str) -> Arc<dyn Connector> {
        let settings = json!({
            "vendor": Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/fake.toml"),
            "base_url": base_url,
            "allow_plain_http": true,
            "ca_file": ca_file,
            "credentials": { "token": secret(token) },
        });
        drawbridge_http::kind()
            .build(settings, &context())
            .expect("the settings are right")
    }

    #[async_trait]
    impl Fixture for Fake {
        async fn start() -> Self {
            let vendor = FakeVendor::start().await;
            let proxy = FaultyProxy::start(vendor.address())
                .answering(Fault::ErrorInsideSuccess, |_| {
                    Some(Canned::json(200, r#"{"error":"no"}"#))
                });
            Self { vendor, proxy }
        }

        fn connector(&self) -> Arc<dyn Connector> {
            self.connector_with(TOKEN)
        }

        fn connector_with_wrong_credential(&self) -> Arc<dyn Connector> {
            self.connector_with("another-token-8c4e")
        }

        fn canary(&self) -> String {
            CANARY.to_owned()
        }

        async fn add_account(&self, name: &str) -> Subject {
            self.vendor.records().add(name);
            person(name)
        }

        fn stranger(&self, name: &str) -> Subject {
            person(name)
        }

        async fn can_log_in(&self, subject: &Subject) -> Option<bool> {
            let login = self.login(subject);
            let sessions = self.vendor.records().user(login)?.sessions;
            let is_let_in = self.vendor.records().log_in(login, PASSWORD);
            self.vendor
                .records()
                .edit(login, |user| user.sessions = sessions);
            Some(is_let_in)
        }

        async fn is_enabled(&self, subject: &Subject) -> Option<bool> {
            self.vendor
                .records()
                .user(self.login(subject))
                .map(|user| user.active)
        }

        async fn open_session(&self, subject: &Subject) -> bool {
            self.vendor.records().log_in(self.login(subject), PASSWORD)
        }

        async fn open_sessions(&self, subject: &Subject) -> Option<u32> {
            self.vendor
                .records()
                .user(self.login(subject))
                .map(|user| user.sessions)
        }

        fn levels(&self) -> Vec<String> {
            vec!["nurse".to_owned(), "front desk".to_owned()]
        }

        async fn levels_of(&self, subject: &Subject) -> Vec<String> {
            self.vendor
                .records()
                .user(self.login(subject))
                .map_or_else(Vec::new, |user| user.roles)
        }

        async fn misbehave(&self, fault: Fault) -> bool {
            self.vendor.misbehave(fault) || self.proxy.misbehave(fault).await
        }

        async fn behave(&self) {
            self.vendor.behave();
            self.proxy.behave();
        }

        fn proxy(&self) -> Option<&FaultyProxy> {
            Some(&self.proxy)
        }

        fn connector_at(&self, place: &Place) -> Option<Arc<dyn Connector>> {
            let url = format!("https://{}", place.host);
            Some(connector(&url, Some(&place.ca_file), TOKEN))
        }

        fn secrets(&self) -> Vec<String> {
            [TOKEN, PASSWORD, "another-token-8c4e"]
                .map(str::to_owned)
                .into()
        }

        fn call_timeout(&self) -> Duration {
            CALL_TIMEOUT
        }

        async fn block_by_hand(&self, subject: &Subject) -> bool {
            self.vendor
                .records()
                .edit(self.login(subject), |user| user.active = false)
        }
    }

    drawbridge_conformance::suite!(
        Fake,
        claims = [
            create,
            set_role,
            disable,
            end_sessions,
            read_back,
            read_sessions,
            list_accounts
        ],
        http
    );
}

mod openmrs {
    use std::{sync::Arc, time::Duration};

    use async_trait::async_trait;
    use drawbridge_conformance::{Canned, Fault, FaultyProxy, Fixture, Place};
    use drawbridge_sdk::{Connector, Subject};

    use crate::support::{
        CALL_TIMEOUT,
        openmrs::{OpenMrs, PASSWORD, ROLES, User},
        person,
    };

    struct Stub {
        openmrs: OpenMrs,
        proxy: FaultyProxy,
    }

    impl Stub {
        fn user(&self, subject: &Subject) -> Option<User> {
            self.openmrs.user(subject.user_name()?)
        }
    }

    #[async_trait]
    impl Fixture for Stub {
        async fn start() -> Self {
            let openmrs = OpenMrs::start().await;
            let proxy = FaultyProxy::start(openmrs.address)
                .answering(Fault::ErrorInsideSuccess, |_| {
                    Some(Canned::json(
                        200,
                        r#"{"error":{"message":"no","code":"x:1"}}"#,
                    ))
                })
                .answering(Fault::SaysYesDoesNothing, |seen| {
                    (seen.method == "DELETE").then(|| Canned::json(204, ""))
                })
                .answering(Fault::SomebodyElse, |seen| {
                    let other = r#"{"results":[{"uuid":"7","username":"somebody","retired":false,"roles":[]}]}"#;
                    seen.path.contains("startIndex=0").then(|| Canned::json(200, other))
                })
                .answering(Fault::Blind, |seen| {
                    seen.path
                        .contains("q=")
                        .then(|| Canned::json(200, r#"{"results":[]}"#))
                });
            Self { openmrs, proxy }
        }

        fn connector(&self) -> Arc<dyn Connector> {
            OpenMrs::connector_at(self.proxy.address(), PASSWORD)
        }

        fn connector_with_wrong_credential(&self) -> Arc<dyn Connector> {
            OpenMrs::connector_at(self.proxy.address(), "Other-Pw-9")
        }

        fn canary(&self) -> String {
            "canary".to_owned()
        }

        async fn add_account(&self, name: &str) -> Subject {
            self.openmrs.add(name);
            person(name)
        }

        fn stranger(&self, name: &str) -> Subject {
            person(name)
        }

        async fn can_log_in(&self, subject: &Subject) -> Option<bool> {
            self.user(subject).map(|user| !user.retired)
        }

        async fn is_enabled(&self, subject: &Subject) -> Option<bool> {
            self.user(subject).map(|user| !user.retired)
        }

        async fn open_session(&self, _: &Subject) -> bool {
            false
        }

        async fn open_sessions(&self, _: &Subject) -> Option<u32> {
            None
        }

        fn levels(&self) -> Vec<String> {
            ROLES.map(str::to_owned).into()
        }

        async fn levels_of(&self, subject: &Subject) -> Vec<String> {
            self.user(subject).map_or_else(Vec::new, |user| user.roles)
        }

        async fn misbehave(&self, fault: Fault) -> bool {
            self.proxy.misbehave(fault).await
        }

        async fn behave(&self) {
            self.proxy.behave();
        }

        fn proxy(&self) -> Option<&FaultyProxy> {
            Some(&self.proxy)
        }

        fn connector_at(&self, place: &Place) -> Option<Arc<dyn Connector>> {
            let origin = format!("https://{}", place.host);
            Some(OpenMrs::connector_to(
                &origin,
                Some(&place.ca_file),
                PASSWORD,
            ))
        }

        fn secrets(&self) -> Vec<String> {
            // How every password begins that is made for a new account.
            [PASSWORD, "Other-Pw-9", "Aa1-"].map(str::to_owned).into()
        }

        fn call_timeout(&self) -> Duration {
            CALL_TIMEOUT
        }

        async fn block_by_hand(&self, subject: &Subject) -> bool {
            subject
                .user_name()
                .is_some_and(|name| self.openmrs.edit(name, |user| user.retired = true))
        }
    }

    drawbridge_conformance::suite!(
        Stub,
        claims = [create, set_role, disable, read_back, list_accounts],
        http
    );
}

mod brivo {
    use std::{sync::Arc, time::Duration};

    use async_trait::async_trait;
    use drawbridge_conformance::{Asks, Canned, Fault, FaultyProxy, Fixture, Place, Seen};
    use drawbridge_sdk::{Connector, Subject, Way};

    use crate::support::{
        CALL_TIMEOUT,
        brivo::{API_KEY, Brivo, CLIENT_SECRET, PASSWORD, TOKEN},
        person,
    };

    struct Stub {
        brivo: Brivo,
        proxy: FaultyProxy,
    }

    fn asks(seen: &Seen) -> Asks {
        if seen.path == "/oauth/token" {
            Asks::LogsIn
        } else {
            seen.by_method()
        }
    }

    #[async_trait]
    impl Fixture for Stub {
        async fn start() -> Self {
            let brivo = Brivo::start().await;
            let proxy = FaultyProxy::start_with(brivo.address, asks)
                .answering(Fault::ErrorInsideSuccess, |seen| {
                    (asks(seen) != Asks::LogsIn)
                        .then(|| Canned::json(200, r#"{"code":500,"message":"no"}"#))
                })
                .answering(Fault::SaysYesDoesNothing, |seen| {
                    let id = seen
                        .path
                        .strip_prefix("/v1/api/users/")?
                        .strip_suffix("/suspended")?;
                    (seen.method == "PUT")
                        .then(|| Canned::json(200, format!(r#"{{"id":{id},"suspended":true}}"#)))
                })
                .answering(Fault::SomebodyElse, |seen| {
                    let other = r#"{"id":7,"suspended":false,"externalId":"somebody","emails":[]}"#;
                    seen.path
                        .ends_with("/external")
                        .then(|| Canned::json(200, other))
                })
                .answering(Fault::Blind, |seen| {
                    if seen.path.ends_with("/external") {
                        return Some(Canned::json(
                            404,
                            r#"{"code":404,"message":"User not found"}"#,
                        ));
                    }
                    seen.path
                        .contains("pageSize")
                        .then(|| Canned::json(200, r#"{"data":[],"count":0}"#))
                });
            Self { brivo, proxy }
        }

        fn connector(&self) -> Arc<dyn Connector> {
            Brivo::connector_at(self.proxy.address(), PASSWORD, API_KEY)
        }

        fn connector_with_wrong_credential(&self) -> Arc<dyn Connector> {
            Brivo::connector_at(self.proxy.address(), "Other-Pw-9", API_KEY)
        }

        fn canary(&self) -> String {
            "canary@practice.example".to_owned()
        }

        async fn add_account(&self, name: &str) -> Subject {
            self.brivo.add(name, Some(name));
            person(name)
        }

        fn stranger(&self, name: &str) -> Subject {
            person(name)
        }

        async fn can_log_in(&self, _: &Subject) -> Option<bool> {
            None
        }

        async fn is_enabled(&self, subject: &Subject) -> Option<bool> {
            self.brivo
                .is_suspended(subject.user_name()?)
                .map(|suspended| !suspended)
        }

        async fn open_session(&self, _: &Subject) -> bool {
            false
        }

        async fn open_sessions(&self, _: &Subject) -> Option<u32> {
            None
        }

        fn levels(&self) -> Vec<String> {
            Vec::new()
        }

        async fn levels_of(&self, _: &Subject) -> Vec<String> {
            Vec::new()
        }

        async fn misbehave(&self, fault: Fault) -> bool {
            self.proxy.misbehave(fault).await
        }

        async fn behave(&self) {
            self.proxy.behave();
        }

        fn proxy(&self) -> Option<&FaultyProxy> {
            Some(&self.proxy)
        }

        fn connector_at(&self, place: &Place) -> Option<Arc<dyn Connector>> {
            let origin = format!("https://{}", place.host);
            let ca_file = Some(place.ca_file.as_path());
            Some(Brivo::connector_to(&origin, ca_file, PASSWORD, API_KEY))
        }

        fn secrets(&self) -> Vec<String> {
            [PASSWORD, "Other-Pw-9", API_KEY, CLIENT_SECRET, TOKEN]
                .map(str::to_owned)
                .into()
        }

        fn way(&self) -> Way {
            Way::Badge
        }

        fn call_timeout(&self) -> Duration {
            CALL_TIMEOUT
        }
    }

    drawbridge_conformance::suite!(Stub, claims = [disable, read_back, list_accounts], http);
}
