//! Canaille's login page, as a browser sees it.

use reqwest::{Client, Response, header, redirect};

/// A browser with one cookie.
pub struct Browser {
    client: Client,
    url: String,
    cookie: String,
}

impl Browser {
    /// Logs in and gives the browser; `None` when the page refuses.
    pub async fn log_in(url: &str, name: &str, password: &str) -> Option<Self> {
        drawbridge_sdk::http::install_tls_provider();
        let client = Client::builder().redirect(redirect::Policy::none()).build();
        let client = client.expect("a client");
        let mut browser = Self {
            client,
            url: url.to_owned(),
            cookie: String::new(),
        };
        let page = browser.get("/login").await;
        browser
            .fill(page, "/login", &[("login", name), ("action", "login")])
            .await;
        let page = browser.get("/auth/password").await;
        let fields = [("password", password), ("action", "password")];
        let answer = browser.fill(page, "/auth/password", &fields).await;
        answer.status().is_redirection().then_some(browser)
    }

    /// Whether the session still shows its own profile.
    pub async fn is_let_in(&mut self, name: &str) -> bool {
        self.get(&format!("/profile/{name}"))
            .await
            .status()
            .is_success()
    }

    async fn get(&mut self, path: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.url));
        let answer = request.header(header::COOKIE, &self.cookie).send().await;
        self.keep_cookie(answer.expect("an answer"))
    }

    /// Sends a page's form with its hidden token.
    async fn fill(&mut self, page: Response, path: &str, fields: &[(&str, &str)]) -> Response {
        let page = page.text().await.expect("a page");
        let token = page
            .split("name=\"csrf_token\"")
            .nth(1)
            .and_then(|rest| rest.split("value=\"").nth(1)?.split('"').next());
        let mut form = vec![("csrf_token", token.expect("a form"))];
        form.extend_from_slice(fields);
        let request = self.client.post(format!("{}{path}", self.url)).form(&form);
        let answer = request.header(header::COOKIE, &self.cookie).send().await;
        self.keep_cookie(answer.expect("an answer"))
    }

    fn keep_cookie(&mut self, answer: Response) -> Response {
        let set = answer
            .headers()
            .get(header::SET_COOKIE)
            .and_then(|value| value.to_str().ok());
        if let Some(cookie) = set.and_then(|set| set.split(';').next()) {
            self.cookie = cookie.to_owned();
        }
        answer
    }
}
