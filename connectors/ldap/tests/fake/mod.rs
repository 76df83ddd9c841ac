//! A small directory in this process: it answers as slapd does with its password policy, and
//! misbehaves on demand.

mod wire;

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use lber::structure::StructureTag;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use wire::{Request, matches, result, search_entry};

pub const BASE: &str = "dc=practice,dc=test";
pub const PEOPLE: &str = "ou=people,dc=practice,dc=test";
pub const GROUPS: &str = "ou=groups,dc=practice,dc=test";
pub const SERVICE: &str = "cn=bridge,dc=practice,dc=test";
/// What a web server answers to an LDAP request.
const WEB_SERVER: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n\
    <html><head><title>400 Bad Request</title></head><body>Please sign in.</body></html>";
const BIND_ANSWER: u64 = 1;
const LOCKED: &[u8] = b"000001010000Z";

/// How the directory misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trick {
    /// Answers changes with this code and does nothing.
    Code(u32),
    /// Answers every search and change with a referral.
    Refers,
    /// Answers as a web server on the wrong port.
    HtmlPage,
    /// Says yes to changes and does nothing.
    SaysYesDoesNothing,
    /// Ignores the filter and answers every search with every person.
    SomebodyElse,
    /// Answers every search with nothing.
    Blind,
}

pub type Values = BTreeMap<String, Vec<Vec<u8>>>;

/// What the directory holds.
#[derive(Default)]
pub struct World {
    /// Attributes in lower case by DN in lower case.
    pub entries: HashMap<String, Values>,
    /// Who each open connection is bound as.
    pub bound: BTreeMap<u64, String>,
    pub trick: Option<Trick>,
    /// Whether it shows no connections, as it does to whom it grants no right to see them.
    pub hides_connections: bool,
    next_connection: u64,
}

/// The directory. It ends when it is dropped.
pub struct Fake {
    pub address: SocketAddr,
    world: Arc<Mutex<World>>,
    _listening: JoinSet<()>,
}

impl Fake {
    /// Starts a directory with a service account of this password, two groups, and nobody else.
    pub async fn start(password: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let world = Arc::<Mutex<World>>::default();
        let mut listening = JoinSet::new();
        listening.spawn(accept(listener, world.clone()));
        let fake = Self {
            address,
            world,
            _listening: listening,
        };
        for folder in [BASE, PEOPLE, GROUPS] {
            fake.add(folder, &[]);
        }
        fake.add(SERVICE, &[("userpassword", password)]);
        for group in ["nurses", "frontdesk"] {
            let attributes = [
                ("objectclass", "groupOfNames"),
                ("cn", group),
                ("member", SERVICE),
            ];
            fake.add(&format!("cn={group},{GROUPS}"), &attributes);
        }
        fake
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("nobody panicked")
    }

    pub fn add(&self, dn: &str, attributes: &[(&str, &str)]) {
        let values = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), vec![value.as_bytes().to_vec()]));
        self.world().add(dn, values.collect());
    }
}

async fn accept(listener: TcpListener, world: Arc<Mutex<World>>) {
    // Connections belong to this task, so that they end with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, world.clone()));
    }
}

/// Forgets a connection when it ends, however it ends.
struct Registered {
    world: Arc<Mutex<World>>,
    number: u64,
}

impl Drop for Registered {
    fn drop(&mut self) {
        if let Ok(mut world) = self.world.lock() {
            world.bound.remove(&self.number);
        }
    }
}

async fn serve(mut stream: TcpStream, world: Arc<Mutex<World>>) {
    let number = {
        let mut world = world.lock().expect("nobody panicked");
        world.next_connection += 1;
        world.next_connection
    };
    let registered = Registered { world, number };
    let mut unread = Vec::new();
    while let Some((id, request)) = wire::read(&mut stream, &mut unread).await {
        let bytes: Vec<u8> = {
            let mut world = registered.world.lock().expect("nobody panicked");
            let answers = world.answer(number, request);
            match world.trick {
                Some(Trick::HtmlPage) => WEB_SERVER.to_vec(),
                _ => answers
                    .into_iter()
                    .flat_map(|answer| wire::bytes(id.clone(), answer))
                    .collect(),
            }
        };
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

impl World {
    fn add(&mut self, dn: &str, mut values: Values) {
        let id = uuid::Uuid::new_v4().to_string().into_bytes();
        values
            .entry("entryuuid".to_owned())
            .or_insert_with(|| vec![id]);
        self.entries.insert(dn.to_lowercase(), values);
    }

    /// One value of an entry, as text.
    pub fn value(&self, dn: &str, attribute: &str) -> Option<String> {
        let value = self
            .entries
            .get(&dn.to_lowercase())?
            .get(attribute)?
            .first()?;
        String::from_utf8(value.clone()).ok()
    }

    fn admits(&self, dn: &str, password: &[u8]) -> bool {
        let Some(entry) = self.entries.get(&dn.to_lowercase()) else {
            return false;
        };
        let has = |name: &str, value: &[u8]| {
            entry
                .get(name)
                .is_some_and(|values| values.iter().any(|own| own == value))
        };
        has("userpassword", password)
            && !has("pwdaccountlockedtime", LOCKED)
            && !entry.contains_key("pwdendtime")
    }

    fn answer(&mut self, connection: u64, request: Request) -> Vec<StructureTag> {
        let answer_to = request.answer();
        if self.trick == Some(Trick::Refers) && answer_to != BIND_ANSWER {
            return vec![result(answer_to, 10)];
        }
        if request.is_change() {
            match self.trick {
                Some(Trick::Code(code)) => return vec![result(answer_to, code)],
                Some(Trick::SaysYesDoesNothing) => return vec![result(answer_to, 0)],
                _ => {}
            }
        }
        let code = match request {
            Request::Bind { dn, password } => {
                let admitted = self.admits(&dn, &password);
                if admitted {
                    self.bound.insert(connection, dn);
                }
                if admitted { 0 } else { 49 }
            }
            Request::Search {
                base,
                subtree,
                filter,
            } => {
                let mut found = self.search(&base.to_lowercase(), subtree, &filter);
                let is_there = found.is_some();
                let mut answers: Vec<_> = found.take().unwrap_or_default();
                answers.push(result(answer_to, if is_there { 0 } else { 32 }));
                return answers;
            }
            Request::Add { dn, values } if self.entries.contains_key(&dn.to_lowercase()) => {
                drop(values);
                68
            }
            Request::Add { dn, values } => {
                self.add(&dn, values);
                0
            }
            Request::Modify { dn, changes } => self.modify(&dn.to_lowercase(), changes),
            Request::SetPassword { dn, password } => {
                let set = (2, "userpassword".to_owned(), vec![password]);
                self.modify(&dn.to_lowercase(), vec![set])
            }
            Request::Unbind => return Vec::new(),
        };
        vec![result(answer_to, code)]
    }

    fn search(
        &self,
        base: &str,
        subtree: bool,
        filter: &StructureTag,
    ) -> Option<Vec<StructureTag>> {
        if base.starts_with("cn=connections,") {
            let connections = self.bound.iter().map(|(number, dn)| {
                let values = (
                    "monitorconnectionauthzdn".to_owned(),
                    vec![dn.clone().into_bytes()],
                );
                (
                    format!("cn=Connection {number},{base}"),
                    Values::from([values]),
                )
            });
            let shown = |values: &Values| !self.hides_connections && matches(filter, values);
            let seen = connections.filter(|(_, values)| shown(values));
            return Some(
                seen.map(|(dn, values)| search_entry(&dn, &values))
                    .collect(),
            );
        }
        if !base.is_empty() && !self.entries.contains_key(base) {
            return None;
        }
        let found = self.entries.iter().filter(|(dn, values)| {
            let is_person = values.contains_key("uid");
            match self.trick {
                Some(Trick::Blind) if subtree => false,
                Some(Trick::SomebodyElse) if subtree => is_person,
                _ if subtree => dn.ends_with(base) && matches(filter, values),
                _ => *dn == base,
            }
        });
        Some(found.map(|(dn, values)| search_entry(dn, values)).collect())
    }

    fn modify(&mut self, dn: &str, changes: Vec<(u8, String, Vec<Vec<u8>>)>) -> u32 {
        let Some(entry) = self.entries.get_mut(dn) else {
            return 32;
        };
        let mut changed = entry.clone();
        for (operation, attribute, values) in changes {
            let own = changed.entry(attribute.clone()).or_default();
            match operation {
                0 if values.iter().any(|value| own.contains(value)) => return 20,
                0 => own.extend(values),
                1 if own.is_empty() || values.iter().any(|value| !own.contains(value)) => {
                    return 16;
                }
                1 if values.is_empty() => own.clear(),
                1 => own.retain(|value| !values.contains(value)),
                _ => *own = values,
            }
            // As slapd does, silently.
            if attribute == "userpassword" {
                changed.remove("pwdaccountlockedtime");
            }
        }
        if changed.get("member").is_some_and(Vec::is_empty) {
            return 65;
        }
        changed.retain(|_, values| !values.is_empty());
        *entry = changed;
        0
    }
}
