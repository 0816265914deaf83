//! An officer at the console, without a browser: its forms, filled in and sent.

use anyhow::{Context as _, Result, bail};
use demo::people::{Client, Person};
use http::Method;
use loadtest::door::{Door, Reply};

/// An officer, and the cookie of their sign-in.
pub(crate) struct Officer {
    /// The client's short name.
    pub(crate) client: String,
    /// Who.
    pub(crate) person: Person,
    /// What the console knows them by.
    pub(crate) cookie: String,
}

impl Officer {
    /// Signs in. `headers` are added to a browser's own.
    pub(crate) async fn sign_in(
        console: &Door,
        client: &Client,
        person: &Person,
        headers: &[(&str, &str)],
    ) -> Result<Self> {
        let mut officer = Self {
            client: client.slug.clone(),
            person: person.clone(),
            cookie: String::new(),
        };
        let form = officer.form("/sign-in", "")?;
        let reply = ask(console, &Method::POST, "/sign-in", headers, &form).await?;
        officer.cookie = reply.cookie().context("the sign-in sets no cookie")?;
        Ok(officer)
    }

    /// All that the form of this route asks for, filled in by this officer.
    pub(crate) fn form(&self, route: &str, recording: &str) -> Result<String> {
        Ok(match route {
            "/sign-in" => format!(
                "client={}&name={}&password={}",
                self.client, self.person.sign_in, self.person.password
            ),
            "/cases" => {
                format!("authority=Court&reference=2&basis=Order&days=7&recording={recording}")
            }
            "/cases/{id}/approve" => {
                let passphrase = self.person.passphrase.as_deref();
                format!("passphrase={}", passphrase.context("officers have one")?)
            }
            "/cases/{id}/bundle" | "/cases/{id}/play" => format!("recording={recording}"),
            "/cases/{id}/play/{recording}" => "opening=another".to_owned(),
            "/cases/{id}/close" | "/sign-out" => String::new(),
            new => bail!("the form {new} is new: say here what is filled in"),
        })
    }
}

/// Asks as a browser does that is on the console's own page. `headers` go before its own.
pub(crate) async fn ask(
    console: &Door,
    method: &Method,
    path: &str,
    headers: &[(&str, &str)],
    form: &str,
) -> Result<Reply> {
    let own = console.origin();
    let mut all = headers.to_vec();
    for (name, value) in [
        ("origin", own.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ] {
        if !headers.iter().any(|(other, _)| *other == name) {
            all.push((name, value));
        }
    }
    let form = form.to_owned().into();
    console.send(method.clone(), path, &all, form).await
}
