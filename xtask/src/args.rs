use crate::error::{Error, Result};

/// What stands behind the command: switches (`--quick`) and settings (`--rounds 7`).
pub(crate) struct Args {
    words: Vec<String>,
}

impl Args {
    pub(crate) fn new(words: impl Iterator<Item = String>) -> Self {
        Self { words: words.collect() }
    }

    /// Takes the switch `name` out, and tells whether it was there.
    pub(crate) fn switch(&mut self, name: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|word| word != name);
        self.words.len() != before
    }

    /// Takes the setting `name` out.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>> {
        let Some(at) = self.words.iter().position(|word| word == name) else { return Ok(None) };
        if at + 1 >= self.words.len() {
            return Err(Error::Usage(format!("{name} wants a value")));
        }
        self.words.remove(at);
        Ok(Some(self.words.remove(at)))
    }

    /// Takes the whole number `name` out, `default` if it is not there; at least 1.
    pub(crate) fn number(&mut self, name: &str, default: u32) -> Result<u32> {
        let Some(text) = self.text(name)? else { return Ok(default) };
        match text.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(Error::Usage(format!("{name} wants a whole number above 0, not {text:?}"))),
        }
    }

    /// Takes the comma-separated list `name` out, empty if it is not there.
    pub(crate) fn list(&mut self, name: &str) -> Result<Vec<String>> {
        let text = self.text(name)?.unwrap_or_default();
        Ok(text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect())
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(self) -> Result<()> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => {
                Err(Error::Usage(format!("unknown argument {word:?}; see `cargo xtask help`")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Args;

    fn args(line: &str) -> Args {
        Args::new(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn takes_what_it_knows_and_refuses_the_rest() {
        let mut given = args("--rounds 7 --quick --only 1k,nginx");
        assert!(given.switch("--quick"));
        assert_eq!(given.number("--rounds", 3).unwrap(), 7);
        assert_eq!(given.number("--seconds", 5).unwrap(), 5);
        assert_eq!(given.list("--only").unwrap(), ["1k", "nginx"]);
        given.finish().unwrap();
        assert!(args("--roundz 7").finish().is_err());
        assert!(args("--rounds").number("--rounds", 3).is_err());
        assert!(args("--rounds 0").number("--rounds", 3).is_err());
        assert!(args("--rounds x").number("--rounds", 3).is_err());
    }
}
