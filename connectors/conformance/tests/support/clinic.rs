//! The connector.

use std::{path::PathBuf, time::Duration};

use async_trait::async_trait;
use drawbridge_sdk::{
    Account, AccountId, AccountPage, AccountState, Ask, BuildContext, CallError, Canary,
    Capabilities, Change, CloseCall, Connector, Cursor, Effect, FailureClass, Finality, Health,
    Kind, Observation, OpenCall, Outcome, Receipt, SecretRef, Sessions, SettingsError, Subject,
    Way,
    http::{Answer, Auth, Deadline, Endpoint, EndpointOptions, Method, Request},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What the connector does wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Habit {
    /// Nothing.
    #[default]
    Good,
    /// Takes a search that it cannot read for an empty one.
    TrustsAnyAnswer,
    /// Deletes the account, so that nobody can log in with it.
    Deletes,
    /// Does not look at sessions when the account is blocked already.
    ForgetsSessions,
    /// Acts on whatever a search answers with.
    IgnoresIdentity,
    /// Writes its token into a receipt.
    LeaksItsToken,
    /// Searches only accounts that are enabled.
    HidesDisabled,
    /// Shows the first page of a listing only.
    StopsAtTheFirstPage,
    /// Says what it asked for instead of what the vendor shows.
    BelievesItself,
    /// Gives each of its requests the whole time of the call, and goes on after one fails.
    TakesItsTime,
    /// Calls everything settled that failed.
    CallsItSettled,
    /// Does not tell how long the vendor wants to be left alone.
    ForgetsWishes,
    /// Makes a time to wait of anything.
    BelievesEveryWish,
    /// Creates without looking who is there.
    CreatesBlindly,
    /// Goes where a redirect leads, with its token.
    FollowsRedirects,
    /// Tries it in the clear where TLS did not come about.
    Downgrades,
}

/// Its settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    base_url: String,
    token: SecretRef,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    habit: Habit,
}

pub struct Clinic {
    endpoint: Endpoint,
    habit: Habit,
    token: String,
}

pub fn kind() -> Kind {
    Kind::new(
        "clinic",
        "the make-believe vendor",
        |settings: Settings, context: &BuildContext| Clinic::new(&settings, context),
    )
}

#[derive(Debug, Clone, Deserialize)]
struct User {
    id: String,
    login: String,
    email: String,
    active: bool,
    roles: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Found {
    users: Vec<User>,
    total: usize,
}

/// The requests of one call.
struct Steps<'a> {
    clinic: &'a Clinic,
    deadline: Deadline,
    receipts: Vec<Receipt>,
}

impl Clinic {
    fn new(settings: &Settings, context: &BuildContext) -> Result<Self, SettingsError> {
        let token = settings.token.bind(&context.base_dir)?;
        let options = EndpointOptions {
            allow_plain_http: true,
            ca_file: settings.ca_file.clone(),
            auth: vec![Auth::Bearer(token)],
            ..EndpointOptions::default()
        };
        Ok(Self {
            endpoint: Endpoint::new(&settings.base_url, options, context)?,
            habit: settings.habit,
            token: drawbridge_conformance::vendor::TOKEN.to_owned(),
        })
    }

    fn steps(&self) -> Steps<'_> {
        Steps {
            clinic: self,
            deadline: self.endpoint.deadline(),
            receipts: Vec::new(),
        }
    }

    /// Says its token to whoever listens there.
    async fn visit(&self, url: &str) {
        let host = url.split('/').nth(2).unwrap_or_default();
        if let Ok(mut stream) = TcpStream::connect(host).await {
            let request = format!(
                "GET / HTTP/1.1\r\nAuthorization: Bearer {}\r\n\r\n",
                self.token
            );
            let _ = stream.write_all(request.as_bytes()).await;
            let _ = stream.shutdown().await;
            // Until it has been heard.
            let _ = stream.read(&mut [0]).await;
        }
    }

    fn has(&self, habit: Habit) -> bool {
        self.habit == habit
    }
}

impl Steps<'_> {
    async fn send(
        &mut self,
        step: &str,
        method: Method,
        path: &str,
        id: &str,
        body: Option<Value>,
    ) -> Result<Answer, CallError> {
        let endpoint = &self.clinic.endpoint;
        let mut request = if method == Method::GET {
            endpoint.read(step, method, path)
        } else {
            endpoint.change(step, method, path)
        };
        request = request.fill("id", id);
        if !self.clinic.has(Habit::TakesItsTime) {
            request = request.before(self.deadline);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let mut answer = self.exchange(request).await?;
        self.receipts.append(&mut answer.receipts.clone());
        if self.clinic.has(Habit::LeaksItsToken) {
            self.receipts[0]
                .request
                .push_str(&format!(" Authorization: Bearer {}", self.clinic.token));
        }
        answer.receipts.clear();
        Ok(answer)
    }

    async fn search(&mut self, field: &str, value: &str) -> Result<Vec<User>, CallError> {
        let mut search = self
            .clinic
            .endpoint
            .read("find account", Method::GET, "/users")
            .query(field, value);
        if !self.clinic.has(Habit::TakesItsTime) {
            search = search.before(self.deadline);
        }
        let answer = match self.exchange(search).await {
            Err(error) if self.trusts(&error) => return Ok(Vec::new()),
            answer => answer?,
        };
        self.receipts.append(&mut answer.receipts.clone());
        let found = answer.json::<Found>();
        if self.clinic.has(Habit::TrustsAnyAnswer) && found.is_err() {
            return Ok(Vec::new());
        }
        Ok(found?.users)
    }

    /// Sends one request, as the habit has it.
    async fn exchange(&self, request: Request) -> Result<Answer, CallError> {
        let answer = request.send().await;
        let elsewhere = match (&answer, self.clinic.habit) {
            (Ok(answer), Habit::FollowsRedirects) => answer.header("location").map(str::to_owned),
            (Err(_), Habit::Downgrades) => Some(self.clinic.endpoint.base_url().to_owned()),
            _ => None,
        };
        if let Some(place) = elsewhere {
            self.clinic.visit(&place).await;
        }
        answer.and_then(Answer::ok).map_err(|mut error| {
            match self.clinic.habit {
                Habit::CallsItSettled => error.finality = Finality::Answered,
                Habit::ForgetsWishes => error.retry_after = None,
                Habit::BelievesEveryWish => {
                    error.retry_after = error.retry_after.or(Some(Duration::ZERO));
                }
                _ => {}
            }
            error
        })
    }

    fn trusts(&self, error: &CallError) -> bool {
        self.clinic.has(Habit::TrustsAnyAnswer) && error.class == FailureClass::Contract
    }

    /// The account as a change left it.
    fn changed(&self, answer: &Answer, id: &str, active: bool) -> Result<(), CallError> {
        if self.clinic.has(Habit::TrustsAnyAnswer) {
            return Ok(());
        }
        let user: User = answer.json()?;
        if user.id == id && user.active == active {
            return Ok(());
        }
        Err(answer
            .contract("the vendor answered with another state than asked for: look at the receipt"))
    }

    async fn by_id(&mut self, id: &str) -> Result<Option<User>, CallError> {
        match self
            .send("read account", Method::GET, "/users/{id}", id, None)
            .await
        {
            Ok(answer) => Ok(Some(answer.json()?)),
            Err(error) if error.class == FailureClass::Gone => {
                self.receipts.extend(error.receipts);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Every account that the subject's ids and identifiers lead to.
    async fn find(&mut self, subject: &Subject) -> Result<Vec<User>, CallError> {
        let mut found: Vec<User> = Vec::new();
        for id in &subject.account_ids {
            found.extend(
                self.by_id(id.as_str())
                    .await?
                    .filter(|user| user.id == id.as_str()),
            );
        }
        for login in &subject.user_names {
            match self.search("login", login).await {
                Err(_) if self.clinic.has(Habit::TakesItsTime) => {}
                users => found.extend(users?),
            }
        }
        for email in &subject.emails {
            found.extend(self.search("email", email).await?);
        }
        if self.clinic.has(Habit::HidesDisabled) {
            found.retain(|user| user.active);
        }
        if !self.clinic.has(Habit::IgnoresIdentity) {
            found.retain(|user| account(user).belongs_to(subject));
        }
        found.sort_by(|one, other| one.id.cmp(&other.id));
        found.dedup_by(|one, other| one.id == other.id);
        Ok(found)
    }

    /// Those of them that this door may act on.
    async fn own(&mut self, subject: &Subject) -> Result<Vec<User>, CallError> {
        let mut found = self.find(subject).await?;
        if !self.clinic.has(Habit::IgnoresIdentity) {
            found.retain(|user| subject.may_act_on(&user.id));
        }
        Ok(found)
    }

    async fn sees(&mut self, canary: Option<&str>) -> Result<Canary, CallError> {
        let Some(canary) = canary else {
            return Ok(Canary::NotAsked);
        };
        let found = self.search("login", canary).await?;
        let is_seen = found
            .iter()
            .any(|user| user.login.eq_ignore_ascii_case(canary));
        Ok(if is_seen {
            Canary::Seen
        } else {
            Canary::Missing
        })
    }

    async fn observe(&mut self, ask: &Ask) -> Result<Observation, CallError> {
        let mut accounts = Vec::new();
        for user in self.find(&ask.subject).await? {
            let answer = self
                .send(
                    "read sessions",
                    Method::GET,
                    "/users/{id}/sessions",
                    &user.id,
                    None,
                )
                .await?;
            let sessions = answer.json::<Value>()?["open"]
                .as_u64()
                .and_then(|open| u32::try_from(open).ok());
            let mut account = account(&user);
            account.sessions = match sessions {
                None => {
                    return Err(
                        answer.contract("the vendor does not count sessions: look at its version")
                    );
                }
                Some(0) => Sessions::None,
                Some(open) => Sessions::Open(open),
            };
            accounts.push(account);
        }
        let canary = self.sees(ask.canary.as_deref()).await?;
        if self.clinic.has(Habit::BelievesItself) && !accounts.is_empty() {
            accounts[0].state = AccountState::Disabled;
        }
        Ok(Observation {
            accounts,
            canary,
            ..Observation::default()
        })
    }

    async fn block(&mut self, user: &User) -> Effect {
        if self.clinic.has(Habit::Deletes) {
            let sent = self.send("disable", Method::DELETE, "/users/{id}", &user.id, None);
            return done(sent.await.map(drop));
        }
        if !user.active {
            return Effect::AlreadyInState;
        }
        let (path, body) = ("/users/{id}", json!({ "active": false }));
        let sent = self.send("disable", Method::PATCH, path, &user.id, Some(body));
        let sent = sent.await;
        done(sent.and_then(|answer| self.changed(&answer, &user.id, false)))
    }

    async fn end_sessions(&mut self, id: &str) -> Effect {
        let trusts = self.clinic.has(Habit::TrustsAnyAnswer);
        let path = "/users/{id}/sessions";
        let sent = self.send("end sessions", Method::DELETE, path, id, None);
        done(sent.await.and_then(|answer| match answer.status {
            204 => Ok(()),
            _ if trusts => Ok(()),
            _ => {
                Err(answer.contract(
                    "the vendor does not say that it ended sessions: look at the receipt",
                ))
            }
        }))
    }

    async fn close(&mut self, call: &CloseCall) -> Result<Outcome, CallError> {
        let mut outcome = Outcome::new(Change::NoAccount);
        for user in self.own(&call.subject).await? {
            let blocked = self.block(&user).await;
            let is_done = matches!(blocked, Effect::Done);
            let forgets = self.clinic.has(Habit::ForgetsSessions) && !is_done;
            outcome.sessions_ended = if forgets {
                Effect::AlreadyInState
            } else {
                self.end_sessions(&user.id).await
            };
            if !call.managed_levels.is_empty() {
                let roles: Vec<&String> = user
                    .roles
                    .iter()
                    .filter(|role| !call.managed_levels.contains(role))
                    .collect();
                let body = json!({ "roles": roles });
                self.send(
                    "take levels",
                    Method::PATCH,
                    "/users/{id}",
                    &user.id,
                    Some(body),
                )
                .await?;
            }
            outcome.change = if is_done {
                Change::Done
            } else {
                Change::AlreadyInState
            };
            outcome.blocked = blocked;
            outcome.accounts.push(AccountId(user.id));
        }
        Ok(outcome)
    }

    async fn open(&mut self, call: &OpenCall) -> Result<Outcome, CallError> {
        let mut outcome = Outcome::new(Change::AlreadyInState);
        outcome.blocked = Effect::AlreadyInState;
        let found = match self.clinic.has(Habit::CreatesBlindly) {
            true => Vec::new(),
            false => self.own(&call.subject).await?,
        };
        let user = match found.into_iter().next() {
            Some(user) => user,
            None if !call.subject.accounts_of_others.is_empty()
                && !self.find(&call.subject).await?.is_empty() =>
            {
                return Err(CallError::anothers_account());
            }
            None => {
                outcome.change = Change::Done;
                let body = json!({ "login": call.subject.user_name() });
                self.send("create", Method::POST, "/users", "unused", Some(body))
                    .await?
                    .json()?
            }
        };
        let mut roles = user.roles.clone();
        roles.retain(|role| !call.managed_levels.contains(role));
        roles.extend(call.levels.iter().cloned());
        if !user.active || roles != user.roles {
            outcome.change = Change::Done;
            let body = json!({ "active": true, "roles": roles });
            let answer = self
                .send("enable", Method::PATCH, "/users/{id}", &user.id, Some(body))
                .await?;
            self.changed(&answer, &user.id, true)?;
        }
        if outcome.change == Change::Done {
            outcome.blocked = Effect::Done;
        }
        outcome.accounts.push(AccountId(user.id));
        Ok(outcome)
    }

    async fn page(&mut self, page: Option<&Cursor>) -> Result<AccountPage, CallError> {
        let offset: usize = page.and_then(|cursor| cursor.0.parse().ok()).unwrap_or(0);
        let listing = self
            .clinic
            .endpoint
            .read("list accounts", Method::GET, "/users")
            .query("offset", &offset.to_string());
        let answer = self.exchange(listing.before(self.deadline)).await?;
        self.receipts.append(&mut answer.receipts.clone());
        let found: Found = answer.json()?;
        let next = offset + found.users.len();
        let goes_on = next < found.total
            && !found.users.is_empty()
            && !self.clinic.has(Habit::StopsAtTheFirstPage);
        Ok(AccountPage {
            accounts: found.users.iter().map(account).collect(),
            next: goes_on.then(|| Cursor(next.to_string())),
            receipts: Vec::new(),
        })
    }
}

#[async_trait]
impl Connector for Clinic {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            ways: vec![Way::Account],
            create: true,
            set_role: true,
            disable: true,
            end_sessions: true,
            read_back: true,
            read_sessions: true,
            list_accounts: true,
            ..Capabilities::none("the login is refused")
        }
    }

    async fn check(&self) -> Result<Health, CallError> {
        let mut steps = self.steps();
        let answer = steps
            .send("check", Method::GET, "/status", "unused", None)
            .await?;
        let product = answer.json::<Value>()?["product"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        Ok(Health {
            product,
            receipts: steps.receipts,
        })
    }

    async fn observe(&self, ask: &Ask) -> Result<Observation, CallError> {
        let mut steps = self.steps();
        match steps.observe(ask).await {
            Ok(observed) => Ok(Observation {
                receipts: steps.receipts,
                ..observed
            }),
            Err(error) => Err(error.after(steps.receipts)),
        }
    }

    async fn open(&self, call: &OpenCall) -> Result<Outcome, CallError> {
        let mut steps = self.steps();
        match steps.open(call).await {
            Ok(outcome) => Ok(Outcome {
                receipts: steps.receipts,
                ..outcome
            }),
            Err(error) => Err(error.after(steps.receipts)),
        }
    }

    async fn close(&self, call: &CloseCall) -> Result<Outcome, CallError> {
        let mut steps = self.steps();
        match steps.close(call).await {
            Ok(outcome) => Ok(Outcome {
                receipts: steps.receipts,
                ..outcome
            }),
            Err(error) => Err(error.after(steps.receipts)),
        }
    }

    async fn list_accounts(&self, page: Option<&Cursor>) -> Result<AccountPage, CallError> {
        let mut steps = self.steps();
        match steps.page(page).await {
            Ok(page) => Ok(AccountPage {
                receipts: steps.receipts,
                ..page
            }),
            Err(error) => Err(error.after(steps.receipts)),
        }
    }

    fn certificate_ends(&self) -> Option<Timestamp> {
        self.endpoint.certificate_ends()
    }
}

fn account(user: &User) -> Account {
    Account {
        id: AccountId(user.id.clone()),
        login: user.login.clone(),
        state: if user.active {
            AccountState::Enabled
        } else {
            AccountState::Disabled
        },
        sessions: Sessions::NotReadable,
        levels: user.roles.clone(),
        identifiers: vec![user.email.clone()],
    }
}

fn done(sent: Result<(), CallError>) -> Effect {
    match sent {
        Ok(()) => Effect::Done,
        Err(error) => Effect::Failed(error),
    }
}
