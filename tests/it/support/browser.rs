//! A browser in front of the console: it keeps cookies and follows nothing by itself.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

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
    /// What it keeps while somebody is on their way in, by name.
    on_the_way: Mutex<BTreeMap<String, String>>,
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
            Arc::new(console::Providers::new(&self.settings).expect("providers")),
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

    /// Somebody of this practice is let in who comes by their identity provider.
    pub async fn let_in(&self, practice: &str, name: &str, role: OfficeRole, email: &str) {
        let caller = Caller {
            practice: practice.into(),
            actor: "cli:test".to_owned(),
            request_id: "request-1".to_owned(),
        };
        let guest = admins::Guest { name, role, email };
        let invited = admins::invite(&self.store, &caller, guest, self.clock.now()).await;
        invited.expect("the archive").expect("let in");
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
            on_the_way: Mutex::default(),
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

    /// What it keeps while somebody is on their way in.
    pub fn on_the_way(&self) -> BTreeMap<String, String> {
        self.on_the_way.lock().expect("cookies").clone()
    }

    /// Has it keep this instead.
    pub fn set_on_the_way(&self, kept: BTreeMap<String, String>) {
        *self.on_the_way.lock().expect("cookies") = kept;
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

    /// Sends a form with a file, as a page of the console does.
    pub async fn press_with_file(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        (name, bytes): (&str, &[u8]),
    ) -> Page {
        let csrf = self.csrf().await;
        self.post_with_file(
            path,
            &[&[("csrf", csrf.as_str())], fields].concat(),
            (name, bytes),
        )
        .await
    }

    /// Sends a form with these fields only, and a file.
    pub async fn post_with_file(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        (name, bytes): (&str, &[u8]),
    ) -> Page {
        let mut body = Vec::new();
        for (field, value) in fields {
            let part = format!(
                "--edge\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n"
            );
            body.extend(part.into_bytes());
        }
        let head = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend(head.into_bytes());
        body.extend(bytes);
        body.extend(b"\r\n--edge--\r\n");
        let request = self
            .request(Method::POST, path)
            .header("origin", &self.origin)
            .header("content-type", "multipart/form-data; boundary=edge")
            .body(body);
        self.take(request.send().await.expect("an answer")).await
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
        let answer = self.ask(method, path, headers, fields).await;
        self.take(answer).await
    }

    async fn take(&self, answer: reqwest::Response) -> Page {
        let (status, headers) = (answer.status(), answer.headers().clone());
        for set in headers.get_all("set-cookie") {
            let pair = set.to_str().unwrap_or_default().split(';').next();
            // What a console that is reached by https calls it.
            let is_called =
                |pair: &str, name: &str| pair.trim_start_matches("__Host-").starts_with(name);
            if let Some(pair) = pair.filter(|pair| is_called(pair, "drawbridge=")) {
                self.set_cookie(pair);
            }
            let kept = pair.filter(|pair| is_called(pair, "drawbridge-"));
            if let Some((name, value)) = kept.and_then(|pair| pair.split_once('=')) {
                let mut on_the_way = self.on_the_way.lock().expect("cookies");
                match value {
                    "" => on_the_way.remove(name),
                    _ => on_the_way.insert(name.to_owned(), value.to_owned()),
                };
            }
        }
        let text = answer.text().await.expect("a body");
        Page {
            status,
            headers,
            text,
        }
    }

    /// Opens what goes on.
    pub async fn open(&self, path: &str) -> reqwest::Response {
        self.ask(Method::GET, path, &[], None).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        fields: Option<&[(&str, &str)]>,
    ) -> reqwest::Response {
        let mut request = self.request(method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(fields) = fields {
            request = request.form(fields);
        }
        request.send().await.expect("an answer")
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.origin);
        let mut request = self.client.request(method, url);
        let kept = self.on_the_way();
        let kept = kept.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies: Vec<String> = kept
            .chain(Some(self.cookie()).filter(|cookie| !cookie.is_empty()))
            .collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        request
    }
}
