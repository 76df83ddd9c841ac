//! A browser in front of the console: it keeps one cookie and follows nothing by itself.

use std::sync::{Arc, Mutex};

use drawbridge::{
    clock::Clock as _,
    console::{self, admins},
    intake::Caller,
    listener,
    policy::office::OfficeRole,
    rounds::lookout::Lookout,
};
use reqwest::{Method, StatusCode, header::HeaderMap};
use tokio::{net::TcpListener, sync::watch};

use super::TestApp;

/// The console on a free port.
pub struct Console {
    pub origin: String,
    stop: watch::Sender<bool>,
}

/// Somebody in front of it.
pub struct Browser {
    pub origin: String,
    cookie: Mutex<String>,
    client: reqwest::Client,
}

/// What the console answered.
#[derive(Debug)]
pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Page {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Whether the page says this, where the page has it as text.
    pub fn says(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// What a form of the page would send in this field.
    pub fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let from = self.text.find(&start).map(|at| at + start.len());
        from.and_then(|from| self.text[from..].split('"').next())
            .unwrap_or_default()
            .to_owned()
    }
}

impl Console {
    /// Asks the listener to stop, as SIGTERM does.
    pub fn stop(&self) {
        self.stop.send(true).expect("it listens");
    }
}

impl TestApp {
    /// The console on a free port, over this bridge.
    pub async fn console(&self) -> Console {
        let office = console::Office::new(
            self.store.clone(),
            self.intake.clone(),
            Lookout::new(self.rounds.systems().clone()),
            &self.settings,
            Arc::new(self.clock.clone()),
        )
        .alarmed_by(self.find_alarm());
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let (stop, stopped) = watch::channel(false);
        let limits = self.settings.limits;
        tokio::spawn(async move {
            listener::serve(socket, None, &limits, console::router(office), stopped).await;
        });
        drawbridge_sdk::http::install_tls_provider();
        Console {
            origin: format!("http://{address}"),
            stop,
        }
    }

    /// A link that lets somebody of this practice in.
    pub async fn link(&self, practice: &str, name: &str, role: OfficeRole) -> String {
        let caller = Caller {
            practice: practice.into(),
            actor: "cli:test".to_owned(),
            request_id: "request-1".to_owned(),
        };
        let now = self.clock.now();
        let invited = admins::invite(&self.store, &caller, (name, role), now).await;
        invited.expect("the archive").expect("a link")
    }

    /// Somebody of `elm` who is signed in.
    pub async fn sign_in(&self, console: &Console, role: OfficeRole) -> Browser {
        self.sign_in_at(console, "elm", role).await
    }

    /// The same for another practice.
    pub async fn sign_in_at(&self, console: &Console, practice: &str, role: OfficeRole) -> Browser {
        let name = format!("Dana the {}", role.as_str());
        let link = self.link(practice, &name, role).await;
        let browser = console.browser();
        let answer = browser.post("/sign-in", &[("link", &link)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        browser
    }
}

impl Console {
    /// A browser that was never here.
    pub fn browser(&self) -> Browser {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Browser {
            origin: self.origin.clone(),
            cookie: Mutex::default(),
            client: client.expect("a client"),
        }
    }
}

impl Browser {
    pub fn cookie(&self) -> String {
        self.cookie.lock().expect("a cookie").clone()
    }

    pub fn set_cookie(&self, cookie: &str) {
        cookie.clone_into(&mut self.cookie.lock().expect("a cookie"));
    }

    pub async fn get(&self, path: &str) -> Page {
        self.send(Method::GET, path, &[], None).await
    }

    /// Sends a form as a page of the console does, with what the session's forms carry.
    pub async fn press(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = self.csrf().await;
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend(fields);
        self.post(path, &all).await
    }

    /// What the session's forms carry.
    pub async fn csrf(&self) -> String {
        // Every page has it, also the one that says that the role does not include this.
        self.get("/").await.field("csrf")
    }

    /// Sends a form with these fields only.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let origin = self.origin.clone();
        self.send(Method::POST, path, &[("origin", &origin)], Some(fields))
            .await
    }

    /// Sends whatever it is told to.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        fields: Option<&[(&str, &str)]>,
    ) -> Page {
        let url = format!("{}{path}", self.origin);
        let mut request = self.client.request(method, url);
        let cookie = self.cookie();
        if !cookie.is_empty() {
            request = request.header("cookie", cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(fields) = fields {
            request = request.form(fields);
        }
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status(), answer.headers().clone());
        for set in headers.get_all("set-cookie") {
            let pair = set.to_str().unwrap_or_default().split(';').next();
            if let Some(pair) = pair.filter(|pair| pair.starts_with("drawbridge=")) {
                self.set_cookie(pair);
            }
        }
        let text = answer.text().await.expect("a body");
        Page {
            status,
            headers,
            text,
        }
    }
}
