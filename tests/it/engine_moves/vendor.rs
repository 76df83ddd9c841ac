//! A simulated system: what it is sent lands, is answered, is lost or lands late, as it is told and by
//! the test's clock.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use drawbridge::{
    clock::{self, Clock as _, MockClock},
    door::Action,
    ids::DoorId,
};
use drawbridge_sdk::{
    Account, AccountId, AccountPage, AccountState, Ask, CallError, Canary, Capabilities, Change,
    CloseCall, Connector, Cursor, Effect, Health, Observation, OpenCall, Outcome, Sessions,
    Subject, Way,
};
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::support::fake;

/// A call is given up after that long.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// A system may take that long after a call was given up.
pub const SETTLE: Duration = Duration::from_secs(120);
/// How late what is applied late lands.
const LATE: Duration = Duration::from_secs(60);

/// How a system takes what is sent to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It does it and says so.
    Prompt,
    /// It does nothing until it is told to.
    KeepsWaiting,
    /// It does it, and the answer is lost.
    LosesAnswers,
    /// It does it a minute later, when nobody waits any more.
    AppliesLate,
    /// It says that it did.
    Lies,
    /// It says no.
    Refuses,
    /// It cannot be reached.
    Down,
    /// It sees nobody, not even the account that is known to exist.
    Blind,
}

impl Manner {
    /// How it is from now on; most often it does what it is told.
    pub const LASTING: [Self; 10] = [
        Self::Prompt,
        Self::Prompt,
        Self::Prompt,
        Self::Prompt,
        Self::KeepsWaiting,
        Self::LosesAnswers,
        Self::Lies,
        Self::Refuses,
        Self::Down,
        Self::Blind,
    ];

    /// How it takes one request.
    pub const ONCE: [Self; 7] = [
        Self::KeepsWaiting,
        Self::KeepsWaiting,
        Self::KeepsWaiting,
        Self::AppliesLate,
        Self::LosesAnswers,
        Self::Lies,
        Self::Refuses,
    ];
}

/// A system; clones share one state.
#[derive(Clone)]
pub struct Vendor {
    state: Arc<Mutex<State>>,
    clock: MockClock,
}

pub struct State {
    pub manner: Manner,
    /// How it takes the next request, if that is another one.
    pub next: Option<Manner>,
    /// By the name one logs in with.
    pub accounts: BTreeMap<String, Held>,
    /// Sent, and not landed or not answered.
    pub air: Vec<Request>,
    /// Every changing request that came, in order.
    pub came: Vec<Came>,
    /// The request of each door that was applied last.
    applied: BTreeMap<String, Came>,
    /// Requests of an older wish that took effect after those of a newer one, and that wish. A close after
    /// a close undoes nothing.
    pub went_back: Vec<(Came, i64)>,
    pub holds_next_reading: bool,
    readings: Vec<(Timestamp, oneshot::Sender<()>)>,
    /// When it last answered a close of a person.
    closed: BTreeMap<String, Timestamp>,
    made: u32,
}

/// An account.
#[derive(Debug, Clone)]
pub struct Held {
    id: String,
    pub is_enabled: bool,
    levels: Vec<String>,
    /// When somebody let it in by hand, until a request changes it.
    pub by_hand: Option<Timestamp>,
}

/// Which request this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    pub door: String,
    pub generation: i64,
    pub action: Action,
    pub at: Timestamp,
}

pub struct Request {
    pub what: Came,
    subject: Subject,
    levels: Vec<String>,
    pub may_land_until: Timestamp,
    lands_at: Option<Timestamp>,
    /// What to answer, once it has landed.
    landed: Option<Outcome>,
    answer: Option<oneshot::Sender<Outcome>>,
}

/// What a caller gets.
enum Reply {
    Now(Box<Result<Outcome, CallError>>),
    Later(oneshot::Receiver<Outcome>),
}

impl Reply {
    fn now(answer: Result<Outcome, CallError>) -> Self {
        Self::Now(Box::new(answer))
    }
}

impl Request {
    /// Whether it may still take effect.
    pub fn may_land(&self, now: Timestamp) -> bool {
        self.landed.is_none() && self.may_land_until >= now
    }
}

impl Vendor {
    pub fn new(clock: &MockClock) -> Self {
        let state = State {
            manner: Manner::Prompt,
            next: None,
            accounts: BTreeMap::new(),
            air: Vec::new(),
            came: Vec::new(),
            applied: BTreeMap::new(),
            went_back: Vec::new(),
            holds_next_reading: false,
            readings: Vec::new(),
            closed: BTreeMap::new(),
            made: 0,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            clock: clock.clone(),
        }
    }

    /// Its state by now: what lands by itself has landed, what cannot any more is gone.
    pub fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.catch_up(self.clock.now());
        state
    }

    async fn change(
        &self,
        action: Action,
        subject: &Subject,
        levels: &[String],
        key: &str,
    ) -> Result<Outcome, CallError> {
        let reply = {
            let now = self.clock.now();
            let request = Request::new(action, subject, levels, key, now);
            self.state().receive(request, now)
        };
        match reply {
            Reply::Now(answer) => *answer,
            Reply::Later(answer) => answer.await.map_err(|_| fake::timed_out()),
        }
    }
}

impl Request {
    fn new(
        action: Action,
        subject: &Subject,
        levels: &[String],
        key: &str,
        now: Timestamp,
    ) -> Self {
        let mut parts = key.rsplitn(3, '-');
        let _round = parts.next();
        let generation = parts.next().and_then(|text| text.parse().ok());
        Self {
            what: Came {
                door: parts.next().expect("a door").to_owned(),
                generation: generation.expect("a generation"),
                action,
                at: now,
            },
            subject: subject.clone(),
            levels: levels.to_vec(),
            may_land_until: clock::after(now, CALL_TIMEOUT + SETTLE),
            lands_at: None,
            landed: None,
            answer: None,
        }
    }
}

impl State {
    fn receive(&mut self, mut request: Request, now: Timestamp) -> Reply {
        if self.manner == Manner::Down {
            return Reply::now(Err(fake::unreachable()));
        }
        self.came.push(request.what.clone());
        self.note_answer(&request, now);
        match self.next.take().unwrap_or(self.manner) {
            Manner::KeepsWaiting => {
                let (answer, waits) = oneshot::channel();
                request.answer = Some(answer);
                self.air.push(request);
                Reply::Later(waits)
            }
            Manner::LosesAnswers => {
                self.apply(&request);
                Reply::now(Err(fake::timed_out()))
            }
            Manner::AppliesLate => {
                request.lands_at = Some(clock::after(now, LATE));
                self.air.push(request);
                Reply::now(Err(fake::timed_out()))
            }
            Manner::Lies => Reply::now(Ok(done(self.found(&request.subject)))),
            Manner::Refuses => Reply::now(Err(fake::refused())),
            Manner::Blind if request.what.action == Action::Close => {
                Reply::now(Ok(Outcome::new(Change::NoAccount)))
            }
            Manner::Prompt | Manner::Blind | Manner::Down => Reply::now(Ok(self.apply(&request))),
        }
    }

    /// The names of the accounts a subject has here, those it owns first.
    fn names(&self, subject: &Subject) -> Vec<String> {
        let mut found: Vec<_> = self
            .accounts
            .iter()
            .filter(|(login, account)| subject.owns(&account.id) || subject.bears(login))
            .map(|(login, account)| (!subject.owns(&account.id), login.clone()))
            .collect();
        found.sort();
        found.into_iter().map(|(_, login)| login).collect()
    }

    fn found(&self, subject: &Subject) -> Vec<AccountId> {
        let names = self.names(subject);
        let id = |login: &String| AccountId(self.accounts[login].id.clone());
        names.iter().map(id).collect()
    }

    /// The request takes effect.
    fn apply(&mut self, request: &Request) -> Outcome {
        let what = &request.what;
        let before = self.applied.get(&what.door).cloned();
        let newer = before.filter(|before| before.generation > what.generation);
        let are_closes = |newer: &Came| newer.action == what.action && what.action == Action::Close;
        if !newer.as_ref().is_some_and(are_closes) {
            let undone = newer.map(|newer| (what.clone(), newer.generation));
            self.went_back.extend(undone);
            self.applied.insert(what.door.clone(), what.clone());
        }
        let mut names = self.names(&request.subject);
        if request.what.action == Action::Open {
            names.truncate(1);
            if names.is_empty() {
                self.made += 1;
                let login = request.subject.user_name().expect("a name").to_owned();
                let account = Held {
                    id: format!("id-{}", self.made),
                    is_enabled: false,
                    levels: Vec::new(),
                    by_hand: None,
                };
                self.accounts.insert(login.clone(), account);
                names.push(login);
            }
        }
        if names.is_empty() {
            return Outcome::new(Change::NoAccount);
        }
        for name in &names {
            let account = self.accounts.get_mut(name).expect("an account");
            account.by_hand = None;
            account.is_enabled = request.what.action == Action::Open;
            account.levels.clone_from(&request.levels);
        }
        done(self.found(&request.subject))
    }

    fn catch_up(&mut self, now: Timestamp) {
        let due = |request: &Request| {
            request.landed.is_none() && request.lands_at.is_some_and(|at| at <= now)
        };
        while let Some(next) = self.air.iter().position(due) {
            let request = self.air.remove(next);
            self.apply(&request);
        }
        for request in &mut self.air {
            if clock::after(request.what.at, CALL_TIMEOUT) < now {
                request.answer = None;
            }
        }
        self.air.retain(|request| match request.landed {
            Some(_) => request.answer.is_some(),
            None => request.may_land_until >= now,
        });
        self.readings
            .retain(|(began, _)| clock::after(*began, CALL_TIMEOUT) >= now);
    }

    /// The nth request in the air takes effect.
    pub fn land(&mut self, nth: usize) {
        let Some(index) = self.nth(nth) else { return };
        if self.air[index].landed.is_none() {
            let request = self.air.remove(index);
            let landed = self.apply(&request);
            self.air.insert(
                index,
                Request {
                    landed: Some(landed),
                    ..request
                },
            );
        }
    }

    /// It takes effect if it has not, and is answered.
    pub fn answer(&mut self, nth: usize, now: Timestamp) {
        self.land(nth);
        let Some(index) = self.nth(nth) else { return };
        let request = self.air.remove(index);
        self.note_answer(&request, now);
        if let (Some(answer), Some(outcome)) = (request.answer, request.landed) {
            // Whoever asked may have died.
            let _ = answer.send(outcome);
        }
    }

    /// Nobody hears of it any more, and it may land.
    pub fn break_connection(&mut self, nth: usize) {
        if let Some(index) = self.nth(nth) {
            self.air[index].answer = None;
        }
    }

    /// It never lands, and nobody hears of it.
    pub fn lose(&mut self, nth: usize) {
        if let Some(index) = self.nth(nth) {
            self.air.remove(index);
        }
    }

    fn nth(&self, nth: usize) -> Option<usize> {
        (!self.air.is_empty()).then(|| nth % self.air.len())
    }

    /// Whether anything of a door is on its way.
    pub fn has_in_the_air(&self, door: &DoorId) -> bool {
        let is_of_it = |request: &Request| request.what.door == door.as_str();
        self.air.iter().any(is_of_it)
    }

    /// Readings that wait are answered with what they saw.
    pub fn show(&mut self) {
        for (_, reading) in self.readings.drain(..) {
            let _ = reading.send(());
        }
    }

    /// Whether this reading is the next that is answered only when told to. One that follows the answer of
    /// a close is not: the bridge waits a moment of real time for it.
    fn holds(&mut self, subject: &Subject, now: Timestamp) -> bool {
        let follows_a_close = self.closed.get(&subject.person) == Some(&now);
        !follows_a_close && std::mem::take(&mut self.holds_next_reading)
    }

    fn note_answer(&mut self, request: &Request, now: Timestamp) {
        if request.what.action == Action::Close {
            self.closed.insert(request.subject.person.clone(), now);
        }
    }

    /// Somebody at the system lets in whoever is called so.
    pub fn let_in_by_hand(&mut self, login: &str, now: Timestamp) -> bool {
        let account = self.accounts.get_mut(login);
        let shut = account.filter(|account| !account.is_enabled);
        shut.map(|account| {
            account.is_enabled = true;
            account.by_hand = Some(now);
        })
        .is_some()
    }

    /// Somebody at the system makes an account of this name.
    pub fn make_by_hand(&mut self, login: &str, now: Timestamp) -> bool {
        if self.accounts.contains_key(login) {
            return false;
        }
        self.made += 1;
        let account = Held {
            id: format!("id-{}", self.made),
            is_enabled: true,
            levels: Vec::new(),
            by_hand: Some(now),
        };
        self.accounts.insert(login.to_owned(), account);
        true
    }

    fn look(&self, subject: &Subject) -> Observation {
        if self.manner == Manner::Blind {
            return Observation {
                canary: Canary::Missing,
                ..Observation::default()
            };
        }
        let names = self.names(subject);
        let accounts = names.into_iter().map(|login| {
            let account = &self.accounts[&login];
            let (state, sessions) = match account.is_enabled {
                true => (AccountState::Enabled, Sessions::Open(1)),
                false => (AccountState::Disabled, Sessions::None),
            };
            Account {
                id: AccountId(account.id.clone()),
                login,
                state,
                sessions,
                levels: account.levels.clone(),
                identifiers: Vec::new(),
            }
        });
        Observation {
            accounts: accounts.collect(),
            canary: Canary::Seen,
            ..Observation::default()
        }
    }
}

fn done(accounts: Vec<AccountId>) -> Outcome {
    Outcome {
        accounts,
        blocked: Effect::Done,
        sessions_ended: Effect::Done,
        ..Outcome::new(Change::Done)
    }
}

#[async_trait]
impl Connector for Vendor {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            ways: vec![Way::Account],
            create: true,
            set_role: true,
            disable: true,
            end_sessions: true,
            read_back: true,
            read_sessions: true,
            ..Capabilities::none("logins are refused")
        }
    }

    async fn check(&self) -> Result<Health, CallError> {
        if self.state().manner == Manner::Down {
            return Err(fake::unreachable());
        }
        Ok(Health {
            product: "simulated".to_owned(),
            receipts: Vec::new(),
        })
    }

    async fn observe(&self, ask: &Ask) -> Result<Observation, CallError> {
        let (seen, told) = {
            let mut state = self.state();
            if state.manner == Manner::Down {
                return Err(fake::unreachable());
            }
            let seen = state.look(&ask.subject);
            let now = self.clock.now();
            let told = state.holds(&ask.subject, now).then(|| {
                let (tell, told) = oneshot::channel();
                state.readings.push((now, tell));
                told
            });
            (seen, told)
        };
        match told {
            None => Ok(seen),
            Some(told) => told.await.map(|()| seen).map_err(|_| fake::unreachable()),
        }
    }

    async fn open(&self, call: &OpenCall) -> Result<Outcome, CallError> {
        self.change(
            Action::Open,
            &call.subject,
            &call.levels,
            &call.idempotency_key,
        )
        .await
    }

    async fn close(&self, call: &CloseCall) -> Result<Outcome, CallError> {
        self.change(Action::Close, &call.subject, &[], &call.idempotency_key)
            .await
    }

    async fn list_accounts(&self, _page: Option<&Cursor>) -> Result<AccountPage, CallError> {
        Ok(AccountPage::default())
    }
}
