//! Time-based one-time passwords (TOTP, RFC 6238: HMAC-SHA-1, 30 s, six digits, as every authenticator app knows them)
//! and the recovery codes that stand in for them.

use actix_web::{HttpRequest, HttpResponse, web};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::json;
use sha1::Sha1;
use subtle::ConstantTimeEq;

use super::State;
use super::auth::Signed;
use super::input::Body;
use super::problem::Problem;
use super::tokens::{fingerprint, random};
use crate::domain::account::Account;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::AccountId;
use crate::store::second_factor;

type Answer = Result<HttpResponse, Problem>;

const SECRET_BYTES: usize = 20;
const STEP_SECONDS: u64 = 30;
/// A clock may be this many steps off.
const STEPS_OFF: u64 = 1;
const RECOVERY_CODES: usize = 10;
/// Characters of a recovery code, of five bits each.
const RECOVERY_LENGTH: usize = 16;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BeginRequest {
    current_password: String,
}

/// Makes a secret for an authenticator app. It counts once a code of it was sent to `confirm`.
pub async fn begin(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    Body(wanted): Body<BeginRequest>,
) -> Answer {
    state.confirm(&caller, wanted.current_password, &request).await?;
    let account = state.account(caller.account_id).await?;
    if account.second_factor {
        let message = "The second factor is on already. Remove it first to begin anew.";
        return Err(Error::new(Kind::Conflict, message).into());
    }
    let bytes = &random()?[..SECRET_BYTES];
    let sealed = state.engine.key.seal(&purpose(account.id), bytes)?;
    let id = account.id;
    state.engine.store.write(move |tx| second_factor::begin(tx, id, &sealed)).await?;
    let secret = base32(bytes);
    let uri = format!(
        "otpauth://totp/Drive:{}?secret={secret}&issuer=Drive&algorithm=SHA1&digits=6&period=30",
        account.name
    );
    Ok(HttpResponse::Ok().json(json!({ "secret": secret, "uri": uri })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmRequest {
    code: String,
}

/// Turns the second factor on. The recovery codes are shown once.
pub async fn confirm(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    Body(wanted): Body<ConfirmRequest>,
) -> Answer {
    let account = state.account(caller.account_id).await?;
    let id = account.id;
    let begun = state.engine.store.read(move |db| second_factor::get(db, id)).await?;
    if begun.is_none_or(|secret| secret.confirmed) {
        let message = "Ask for a secret first: POST /api/account/totp.";
        return Err(Error::new(Kind::Conflict, message).into());
    }
    let wrong = "The code is wrong. Is the clock of the device right?";
    state.confirm_code(&account, &wanted.code, wrong, &request).await?;
    let mut codes = Vec::new();
    for _ in 0..RECOVERY_CODES {
        let text = base32(&random()?);
        codes.push(text[..RECOVERY_LENGTH].to_lowercase());
    }
    let hashes: Vec<_> = codes.iter().map(|code| fingerprint(code)).collect();
    state.engine.store.write(move |tx| second_factor::confirm(tx, id, &hashes)).await?;
    Ok(HttpResponse::Ok().json(json!({ "recoveryCodes": codes })))
}

pub async fn status(state: web::Data<State>, Signed(caller): Signed) -> Answer {
    let id = caller.account_id;
    let account = state.account(id).await?;
    let left = state.engine.store.read(move |db| second_factor::count_recovery(db, id)).await?;
    Ok(HttpResponse::Ok()
        .json(json!({ "enabled": account.second_factor, "recoveryCodesLeft": left })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoveRequest {
    current_password: String,
    code: String,
}

/// Turns the second factor off, by whoever has both factors.
pub async fn remove(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    Body(wanted): Body<RemoveRequest>,
) -> Answer {
    state.confirm(&caller, wanted.current_password, &request).await?;
    let account = state.account(caller.account_id).await?;
    let wrong = "The code is wrong or was used already.";
    state.confirm_code(&account, &wanted.code, wrong, &request).await?;
    let id = account.id;
    state.engine.store.write(move |tx| second_factor::remove(tx, id)).await?;
    Ok(HttpResponse::NoContent().finish())
}

impl State {
    /// Refuses unless this is a code of the account. Counts as an attempt to sign in.
    async fn confirm_code(
        &self,
        account: &Account,
        code: &str,
        wrong: &str,
        request: &HttpRequest,
    ) -> Result<()> {
        let attempt = self.attempt(&account.name, request).await?;
        if !self.code_fits(account.id, code).await? {
            attempt.failed();
            return Err(Error::new(Kind::PasswordWrong, wrong).with("field", "code"));
        }
        attempt.succeeded();
        Ok(())
    }

    /// Is this a code of the account's second factor, or one of its recovery codes? It is used up by that.
    pub(super) async fn code_fits(&self, id: AccountId, code: &str) -> Result<bool> {
        let code: String = code.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        let store = &self.engine.store;
        if code.len() == RECOVERY_LENGTH {
            let hash = fingerprint(&code.to_lowercase());
            return store.write(move |tx| second_factor::use_recovery(tx, id, hash)).await;
        }
        let Some(secret) = store.read(move |db| second_factor::get(db, id)).await? else {
            return Ok(false);
        };
        let secret = self.engine.key.open(&purpose(id), &secret.sealed)?;
        let now = self.engine.clock.now().0 as u64 / 1000 / STEP_SECONDS;
        let fits =
            |step: &u64| bool::from(digits(&secret, *step).as_bytes().ct_eq(code.as_bytes()));
        let Some(step) = (now - STEPS_OFF..=now + STEPS_OFF).find(fits) else { return Ok(false) };
        store.write(move |tx| second_factor::use_step(tx, id, step)).await
    }
}

/// What the secret is sealed for.
fn purpose(id: AccountId) -> String {
    format!("totp:{id}")
}

/// The code of a step (RFC 4226, section 5.3).
fn digits(secret: &[u8], step: u64) -> String {
    let Ok(mut hmac) = Hmac::<Sha1>::new_from_slice(secret) else { return String::new() };
    hmac.update(&step.to_be_bytes());
    let tag = hmac.finalize().into_bytes();
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes([tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]]);
    format!("{:06}", number % 1_000_000)
}

/// RFC 4648, without padding.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    (0..(bytes.len() * 8).div_ceil(5))
        .map(|group| {
            let value = (0..5).fold(0, |value, n| value << 1 | usize::from(bit(group * 5 + n)));
            char::from(ALPHABET[value])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B, the last six of its eight digits.
        let secret = b"12345678901234567890";
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(digits(secret, seconds / STEP_SECONDS), code);
        }
        // RFC 4648, section 10.
        for (plain, text) in [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foobar", "MZXW6YTBOI")] {
            assert_eq!(base32(plain.as_bytes()), text);
        }
    }
}
