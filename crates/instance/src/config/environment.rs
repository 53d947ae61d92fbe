//! Environment variables over a configuration.
//!
//! Invariant: every key has one variable, since the names are derived from the
//! serialised default: `limits.exempt` is `NILE_LIMITS_EXEMPT`. The value of a
//! variable that is not known is never shown: it may be somebody's secret.

use std::collections::BTreeMap;
use std::ffi::OsString;

use toml::{Table, Value};

use super::{Config, ConfigError, FILE_VARIABLE};

const PREFIX: &str = "NILE_";

static TEXT: Value = Value::String(String::new());

/// The variables that are ours, by name.
pub(super) type Variables = BTreeMap<String, String>;

/// Picks the `NILE_…` variables; the others may hold bytes that are no text.
pub(super) fn variables(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Variables, ConfigError> {
    let mut ours = Variables::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        let value = value.into_string().map_err(|value| {
            let shown = value.to_string_lossy();
            ConfigError::in_variable(name, "", &shown, "not valid UTF-8")
        })?;
        ours.insert(name.to_owned(), value);
    }
    Ok(ours)
}

/// `config` with what the variables say, and a warning for each that is unknown.
pub(super) fn overlay(
    mut config: Config,
    variables: &Variables,
) -> Result<(Config, Vec<String>), ConfigError> {
    let keys = keys();
    let mut warnings = Vec::new();
    for (name, text) in variables.iter().filter(|(name, _)| *name != FILE_VARIABLE) {
        match keys.get(name) {
            Some(path) => {
                config = set(&config, path, text).map_err(|reason| {
                    ConfigError::in_variable(name, &path.join("."), text, &reason)
                })?;
            }
            None => warnings.push(format!(
                "the environment variable {} is none of this program's and has no effect",
                name.escape_default()
            )),
        }
    }
    Ok((config, warnings))
}

/// Each variable's name and the path of its key.
pub(super) fn keys() -> BTreeMap<String, Vec<String>> {
    let mut keys = BTreeMap::new();
    collect(&table(&Config::default()), &[], &mut keys);
    keys
}

fn collect(table: &Table, above: &[String], keys: &mut BTreeMap<String, Vec<String>>) {
    for (key, value) in table {
        let path = [above, std::slice::from_ref(key)].concat();
        if let Value::Table(section) = value {
            collect(section, &path, keys);
        } else {
            let name = format!("{PREFIX}{}", path.join("_").to_uppercase());
            let other = keys.insert(name, path);
            debug_assert!(other.is_none(), "two keys have one variable: {other:?}");
        }
    }
}

/// `config` with one key changed, or why it cannot be.
fn set(config: &Config, path: &[String], text: &str) -> Result<Config, String> {
    let mut root = table(config);
    let (key, sections) = path.split_last().expect("a path has a key");
    let section = sections.iter().fold(&mut root, |table, section| {
        let inner = table.get_mut(section).and_then(Value::as_table_mut);
        inner.expect("the path was collected from such a table")
    });
    let value = section.get_mut(key).expect("every key is serialised");
    *value = parse(&default(path), text)?;
    root.try_into()
        .map_err(|reason: toml::de::Error| reason.message().to_owned())
}

/// The default of the key at `path`: what is in force may be an empty list, which does not tell of what.
fn default(path: &[String]) -> Value {
    let root = Value::Table(table(&Config::default()));
    path.iter().fold(root, |mut value, key| {
        let inner = value.as_table_mut().and_then(|table| table.remove(key));
        inner.expect("the path was collected from the defaults")
    })
}

/// `text` as the kind of value that `model` is; a list is separated by commas, and empty models are of text.
fn parse(model: &Value, text: &str) -> Result<Value, String> {
    let text = text.trim();
    if let Value::Array(models) = model {
        let model = models.first().unwrap_or(&TEXT);
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        let values = items.map(|item| parse(model, item));
        return values.collect::<Result<_, _>>().map(Value::Array);
    }
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    match model {
        Value::Integer(_) => {
            let number = text.parse().map(Value::Integer);
            number.map_err(|_| "not a whole number".to_owned())
        }
        Value::Boolean(_) => {
            let truth = text.parse().map(Value::Boolean);
            truth.map_err(|_| "neither true nor false".to_owned())
        }
        _ => Ok(Value::from(text)),
    }
}

fn table(config: &Config) -> Table {
    Table::try_from(config).expect("a configuration that was read can be written")
}
