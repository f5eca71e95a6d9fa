use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq;

use crate::Error;

/// Users and their password hashes, parsed.
#[derive(Clone)]
pub(super) struct PasswordFile {
    users: HashMap<String, Hash>,
    /// Chooses the hash that stands in for an unknown user's.
    seed: RandomState,
}

/// Most memory that one argon2 hash may ask for, in KiB: whoever may write the file must not be able to stop the process.
const MAX_ARGON2_KIB: u32 = 1 << 20;

/// Highest cost of bcrypt that `htpasswd` writes, some seconds; each one more takes twice as long.
const MAX_BCRYPT_COST: u32 = 17;

#[derive(Clone)]
pub(super) enum Hash {
    Bcrypt(String),
    Argon2 { algorithm: Algorithm, params: Params, salt: Vec<u8>, hash: Vec<u8> },
}

impl PasswordFile {
    /// All lines, or the number of the first bad one.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let mut users = HashMap::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = |reason| Error::PasswordLine { line: at + 1, reason };
            let (user, hash) = line.split_once(':').ok_or(bad("no colon; write user:hash"))?;
            if user.is_empty() {
                return Err(bad("the user name is empty"));
            }
            let hash = Hash::parse(hash).map_err(bad)?;
            if users.insert(user.to_owned(), hash).is_some() {
                return Err(bad("the user is there twice"));
            }
        }
        Ok(Self { users, seed: RandomState::new() })
    }

    pub(super) fn hash(&self, user: &str) -> Option<&Hash> {
        self.users.get(user)
    }

    /// A hash of the file's kind that nobody's password fits, for users that it does not know: time must not tell users
    /// apart.
    pub(super) fn dummy(&self, user: &str) -> Hash {
        // The same for one name always, and among names as frequent as among users: kinds and costs tell nothing either.
        let place = usize::try_from(self.seed.hash_one(user)).unwrap_or_default();
        match self.users.values().nth(place.checked_rem(self.users.len()).unwrap_or_default()) {
            Some(Hash::Argon2 { algorithm, params, salt, hash }) => Hash::Argon2 {
                algorithm: *algorithm,
                params: params.clone(),
                salt: salt.clone(),
                hash: hash.iter().map(|byte| !byte).collect(),
            },
            Some(Hash::Bcrypt(hash)) => Hash::Bcrypt(hash.clone()),
            None => Hash::Bcrypt(DUMMY_BCRYPT.into()),
        }
    }
}

/// Of cost 10, for a file without users.
const DUMMY_BCRYPT: &str = "$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

impl Hash {
    fn parse(text: &str) -> Result<Self, &'static str> {
        const KINDS: &str = "not a hash of bcrypt ($2a$, $2b$, $2y$), argon2id or argon2i";
        if text.starts_with("{SHA}") {
            return Err("{SHA} is not taken: one unsalted SHA-1 is no password hash");
        }
        if text.starts_with("$apr1$") {
            return Err("apr1 is not taken: write bcrypt (htpasswd -B)");
        }
        if ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix)) {
            let parts = text.parse::<bcrypt::HashParts>().map_err(|_| "a malformed bcrypt hash")?;
            if parts.get_cost() > MAX_BCRYPT_COST {
                return Err("a bcrypt cost above 17: one login would take minutes and more");
            }
            return Ok(Self::Bcrypt(text.into()));
        }
        if let Some(rest) = text.strip_prefix("$argon2id$") {
            return Self::argon2(Algorithm::Argon2id, rest).ok_or("a malformed argon2 hash");
        }
        if let Some(rest) = text.strip_prefix("$argon2i$") {
            return Self::argon2(Algorithm::Argon2i, rest).ok_or("a malformed argon2 hash");
        }
        Err(KINDS)
    }

    /// `v=19$m=19456,t=2,p=1$salt$hash`: the PHC string format after the name.
    fn argon2(algorithm: Algorithm, rest: &str) -> Option<Self> {
        let rest = rest.strip_prefix("v=19$")?;
        let mut parts = rest.split('$');
        let (costs, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let mut costs = costs.split(',');
        let mut cost = |name: &str| -> Option<u32> {
            costs.next()?.strip_prefix(name)?.strip_prefix('=')?.parse().ok()
        };
        let (memory, passes, lanes) = (cost("m")?, cost("t")?, cost("p")?);
        if costs.next().is_some() || memory > MAX_ARGON2_KIB || passes > 100 {
            return None;
        }
        let salt = STANDARD_NO_PAD.decode(salt).ok()?;
        let hash = STANDARD_NO_PAD.decode(hash).ok()?;
        let params = Params::new(memory, passes, lanes, Some(hash.len())).ok()?;
        Some(Self::Argon2 { algorithm, params, salt, hash })
    }

    /// Takes 50 to 250 ms of CPU: for the blocking pool.
    pub(super) fn fits(&self, password: &str) -> bool {
        match self {
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Argon2 { algorithm, params, salt, hash } => {
                let argon2 = Argon2::new(*algorithm, Version::V0x13, params.clone());
                let mut found = vec![0; hash.len()];
                argon2.hash_password_into(password.as_bytes(), salt, &mut found).is_ok()
                    && found.ct_eq(hash).into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_user_looks_like_one_of_the_known_ones_and_always_like_the_same() {
        let bcrypt = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        let argon2 = "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZg";
        let file = PasswordFile::parse(&format!("ann:{bcrypt}\nbob:{argon2}")).unwrap();
        let is_bcrypt = |name: &str| matches!(file.dummy(name), Hash::Bcrypt(_));
        let names: Vec<String> = (0..200).map(|number| format!("nobody-{number}")).collect();
        let bcrypts = names.iter().filter(|name| is_bcrypt(name)).count();
        assert!((20..180).contains(&bcrypts), "{bcrypts}");
        assert!(names.iter().all(|name| is_bcrypt(name) == is_bcrypt(name)));
        // Nobody's password fits an argon2 dummy, and one of bcrypt is only ever looked at for its time.
        assert!(!file.dummy("x").fits("one"));
        assert!(PasswordFile::parse("").unwrap().hash("x").is_none());
        assert!(matches!(PasswordFile::parse("").unwrap().dummy("x"), Hash::Bcrypt(_)));
    }
}
