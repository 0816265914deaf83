//! Passphrases: from the terminal without an echo, or one a line from a file or standard input.
//! Never from an argument: arguments stand in process lists and shell histories.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal as _, stdin};
use std::path::Path;

use crate::error::{Error, Result};
use crate::keys::Passphrase;

/// Where passphrases come from.
pub enum Secrets {
    /// Typed.
    Terminal,
    /// One a line.
    Lines(Box<dyn BufRead>),
}

impl Secrets {
    /// The file if one is named, the terminal if there is one, standard input otherwise.
    pub fn from(file: Option<&Path>) -> Result<Self> {
        match file {
            Some(path) => {
                let file = File::open(path)
                    .map_err(|e| Error::file("cannot read passphrases from", path, e))?;
                Ok(Self::Lines(Box::new(BufReader::new(file))))
            }
            None if stdin().is_terminal() => Ok(Self::Terminal),
            None => Ok(Self::Lines(Box::new(BufReader::new(stdin())))),
        }
    }

    /// Asks for an existing passphrase.
    pub fn ask(&mut self, whose: &str) -> Result<Passphrase> {
        let found = match self {
            Self::Terminal => Some(typed(whose)?),
            Self::Lines(lines) => line(lines.as_mut())?,
        };
        found.ok_or_else(|| {
            Error::refused(format!(
                "{whose} is needed and was not given: one a line, in the order in which they would be asked"
            ))
        })
    }

    /// Asks for a new one: typed twice.
    pub fn ask_new(&mut self, whose: &str) -> Result<Passphrase> {
        let first = self.ask(whose)?;
        self.confirm(whose, &first)?;
        Ok(first)
    }

    /// Asks for a second new one; without a terminal it may be left out.
    pub fn ask_second(&mut self, whose: &str, first: &Passphrase) -> Result<Passphrase> {
        match self {
            Self::Terminal => self.ask_new(whose),
            Self::Lines(lines) => Ok(line(lines.as_mut())?.unwrap_or_else(|| first.clone())),
        }
    }

    fn confirm(&self, whose: &str, first: &Passphrase) -> Result<()> {
        let again = || typed(&format!("{whose}, again"));
        if matches!(self, Self::Terminal) && again()?.expose() != first.expose() {
            return Err(Error::refused(format!("{whose}: the two are not the same")));
        }
        Ok(())
    }
}

fn typed(whose: &str) -> Result<Passphrase> {
    rpassword::prompt_password(format!("{whose}: "))
        .map(Passphrase::new)
        .map_err(|e| Error::refused(format!("cannot ask for {whose}: {e}")))
}

/// The next line; `None` at the end, or if it is empty.
fn line(lines: &mut dyn BufRead) -> Result<Option<Passphrase>> {
    let mut text = String::new();
    lines
        .read_line(&mut text)
        .map_err(|e| Error::refused(format!("cannot read a passphrase: {e}")))?;
    let found = Passphrase::new(text);
    Ok((!found.expose().is_empty()).then_some(found))
}
