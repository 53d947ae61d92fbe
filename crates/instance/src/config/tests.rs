use std::collections::BTreeSet;
use std::io::Write;

use super::*;

const EXAMPLE: &str = include_str!("../../../../config.example.toml");

fn environment(variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    let own = |(name, value): &(&str, &str)| (OsString::from(name), OsString::from(value));
    variables.iter().map(own).collect()
}

fn load(variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    Config::load(Flags::default(), environment(variables))
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn load_file(text: &str) -> Result<Loaded, String> {
    let file = file(text);
    let flags = Flags {
        config: Some(file.path().to_owned()),
        ..Flags::default()
    };
    Config::load(flags, []).map_err(|refusal| {
        let refusal = refusal.to_string();
        assert!(!refusal.contains('\n'), "{refusal}");
        let path = file.path().display().to_string();
        refusal.strip_prefix(&path).unwrap_or(&refusal).to_owned()
    })
}

#[test]
fn the_example_file_says_what_the_defaults_are() {
    let example: Config = toml::from_str(EXAMPLE).unwrap();
    assert_eq!(example, Config::default());
}

#[test]
fn the_example_file_has_every_key_with_a_comment_above_it() {
    let example: toml::Table = toml::from_str(EXAMPLE).unwrap();
    assert_eq!(example, toml::Table::try_from(Config::default()).unwrap());
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    for pair in lines.windows(2) {
        if pair[1].contains(" = ") && !pair[1].starts_with('#') {
            assert!(pair[0].starts_with('#'), "no comment above: {}", pair[1]);
        }
    }
}

#[test]
fn an_empty_file_is_a_working_instance() {
    assert_eq!(load_file("").unwrap().config, Config::default());
    assert_eq!(
        load(&[]).unwrap(),
        Loaded {
            config: Config::default(),
            warnings: vec![]
        }
    );
}

#[test]
fn every_key_is_reached_from_the_environment() {
    let values = [
        ("NILE_LISTEN", "[::1]:0"),
        ("NILE_DATA_DIR", "/var/lib/nile"),
        ("NILE_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::/32"),
        ("NILE_ALLOWED_ORIGINS", "https://shop.example"),
        ("NILE_DRAIN_SECONDS", "3"),
        ("NILE_LOG_FORMAT", "json"),
        ("NILE_LOG_LEVEL", "warn,nile_instance=debug"),
        ("NILE_NODES_ADMISSION", "approval"),
        ("NILE_MESSAGES_PER_RECIPIENT", "16"),
        ("NILE_MESSAGES_BYTES_PER_RECIPIENT", "17"),
        ("NILE_MESSAGES_PER_PAIR", "18"),
        ("NILE_MESSAGES_STORE_MEBIBYTES", "19"),
        ("NILE_MESSAGES_DAYS", "20"),
        ("NILE_MESSAGES_UNACKNOWLEDGED_DAYS", "21"),
        ("NILE_MESSAGES_GUESTS", "false"),
        ("NILE_DELIVERIES_TRUSTED_NETWORKS", "10.1.0.0/16"),
        ("NILE_DELIVERIES_PLAIN_HTTP", "true"),
        ("NILE_DELIVERIES_PORTS", "443, 8443"),
        ("NILE_DELIVERIES_DEADLINE_SECONDS", "14"),
        ("NILE_DELIVERIES_CONCURRENCY", "15"),
        ("NILE_LIMITS_MESSAGE_BYTES", "1"),
        ("NILE_LIMITS_INFORMATION_BYTES", "2"),
        ("NILE_LIMITS_CONNECTIONS", "3"),
        ("NILE_LIMITS_CONNECTIONS_PER_ADDRESS", "4"),
        ("NILE_LIMITS_POLLING_SESSIONS_PER_ADDRESS", "0"),
        ("NILE_LIMITS_REQUESTS_PER_SECOND", "5"),
        ("NILE_LIMITS_FAILED_LOGINS_PER_MINUTE", "6"),
        ("NILE_LIMITS_REGISTRATIONS_PER_MINUTE", "7"),
        ("NILE_LIMITS_NEW_CONNECTIONS_PER_MINUTE", "8"),
        ("NILE_LIMITS_HANDSHAKE_SECONDS", "9"),
        ("NILE_LIMITS_IDLE_SECONDS", "10"),
        ("NILE_LIMITS_WRITE_SECONDS", "11"),
        ("NILE_LIMITS_EXEMPT", "127.0.0.0/8,192.0.2.1"),
        ("NILE_HEARTBEAT_INTERVAL_SECONDS", "12"),
        ("NILE_HEARTBEAT_TIMEOUT_SECONDS", "13"),
    ];
    let tested: BTreeSet<String> = values.iter().map(|(name, _)| (*name).to_owned()).collect();
    let known: BTreeSet<String> = environment::keys().into_keys().collect();
    assert_eq!(tested, known);

    for pair in values {
        let loaded = load(&[pair]).unwrap();
        assert_ne!(
            loaded.config,
            Config::default(),
            "{} changed nothing",
            pair.0
        );
        assert_eq!(loaded.warnings, Vec::<String>::new(), "{}", pair.0);
    }
    let all = load(&values).unwrap().config;
    let from_file: Config = toml::from_str(
        r#"
        listen = "[::1]:0"
        data_dir = "/var/lib/nile"
        trusted_proxies = ["10.0.0.0/8", "2001:db8::/32"]
        allowed_origins = ["https://shop.example"]
        drain_seconds = 3
        log = { format = "json", level = "warn,nile_instance=debug" }
        nodes = { admission = "approval" }
        heartbeat = { interval_seconds = 12, timeout_seconds = 13 }
        [messages]
        per_recipient = 16
        bytes_per_recipient = 17
        per_pair = 18
        store_mebibytes = 19
        days = 20
        unacknowledged_days = 21
        guests = false
        [deliveries]
        trusted_networks = ["10.1.0.0/16"]
        plain_http = true
        ports = [443, 8443]
        deadline_seconds = 14
        concurrency = 15
        [limits]
        message_bytes = 1
        information_bytes = 2
        connections = 3
        connections_per_address = 4
        polling_sessions_per_address = 0
        requests_per_second = 5
        failed_logins_per_minute = 6
        registrations_per_minute = 7
        new_connections_per_minute = 8
        handshake_seconds = 9
        idle_seconds = 10
        write_seconds = 11
        exempt = ["127.0.0.0/8", "192.0.2.1/32"]
        "#,
    )
    .unwrap();
    assert_eq!(all, from_file);
}

#[test]
fn flags_go_before_environment_before_file_before_default() {
    let file = file(
        "listen = '192.0.2.1:1'\ndata_dir = 'file'\ndrain_seconds = 1\n[limits]\nconnections = 11\n",
    );
    let path = file.path().to_str().unwrap();
    let variables = [
        ("NILE_CONFIG", path),
        ("NILE_LISTEN", "192.0.2.1:2"),
        ("NILE_DATA_DIR", "environment"),
        ("NILE_LIMITS_CONNECTIONS", "22"),
    ];
    let flags = Flags {
        listen: Some("192.0.2.1:3".parse().unwrap()),
        ..Flags::default()
    };
    let loaded = Config::load(flags, environment(&variables)).unwrap();
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let config = loaded.config;
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.data_dir, Path::new("environment"));
    assert_eq!(config.limits.connections.get(), 22);
    assert_eq!(config.drain_seconds, Seconds::new(1));
    assert_eq!(config.limits.information_bytes.get(), 4_096);

    let flags = Flags {
        data_dir: Some("flag".into()),
        ..Flags::default()
    };
    let config = Config::load(flags, environment(&variables)).unwrap().config;
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.data_dir, Path::new("flag"));
}

#[test]
fn the_file_of_the_flag_goes_before_that_of_the_environment() {
    let file = file("drain_seconds = 1");
    let flags = Flags {
        config: Some(file.path().to_owned()),
        ..Flags::default()
    };
    let variables = environment(&[("NILE_CONFIG", "/nowhere/nile.toml")]);
    let config = Config::load(flags, variables).unwrap().config;
    assert_eq!(config.drain_seconds, Seconds::new(1));
}

#[test]
fn a_file_that_is_missing_is_an_error_however_it_was_named() {
    let flags = Flags {
        config: Some("/nowhere/nile.toml".into()),
        ..Flags::default()
    };
    let by_flag = Config::load(flags, []).unwrap_err().to_string();
    let by_variable = load(&[("NILE_CONFIG", "/nowhere/nile.toml")])
        .unwrap_err()
        .to_string();
    for refusal in [by_flag, by_variable] {
        assert!(
            refusal
                .starts_with("cannot read the configuration file /nowhere/nile.toml: No such file"),
            "{refusal}"
        );
        assert!(
            refusal.contains("; correct --config or NILE_CONFIG"),
            "{refusal}"
        );
    }
}

#[test]
fn a_mistake_in_the_file_is_told_with_its_line_its_key_and_what_to_write() {
    let cases = [
        (
            "lisen = '0.0.0.0:80'",
            ", line 1: unknown field `lisen`, expected one of `listen`, `data_dir`",
        ),
        (
            "\n[limits]\nconection = 5",
            ", line 3: `limits`: unknown field `conection`, expected one of `message_bytes`",
        ),
        (
            "\n\nlisten = 'localhost'",
            ", line 3: `listen`: invalid socket address syntax (the default is \"127.0.0.1:3334\"); correct the file",
        ),
        (
            "[limits]\nconnections = 0",
            ", line 2: `limits.connections`: invalid value: integer `0`, expected a nonzero u32 (the default is 16000)",
        ),
        (
            "[limits]\nconnections = -1",
            ", line 2: `limits.connections`: invalid value: integer `-1`",
        ),
        (
            "[limits]\nconnections = '5'",
            ", line 2: `limits.connections`: invalid type: string \"5\", expected",
        ),
        (
            "[heartbeat]\n\ninterval_seconds = 2.5",
            ", line 3: `heartbeat.interval_seconds`: invalid type: floating point `2.5`",
        ),
        (
            "[log]\nformat = 'xml'",
            ", line 2: `log.format`: unknown variant `xml`, expected `text` or `json` (the default is \"text\")",
        ),
        (
            "[log]\nlevel = 'inof'",
            ", line 2: `log.level`: `inof` is not a log level: write off, error,",
        ),
        (
            "[limits]\nexempt = ['10.0.0.0/33']",
            ", line 2: `limits.exempt`: `10.0.0.0/33` is not a network: write one such as 10.0.0.0/8",
        ),
        (
            "allowed_origins = ['https://a.example/']",
            ", line 1: `allowed_origins`: `https://a.example/` is not an origin: write scheme://host",
        ),
        (
            "allowed_origins = [\"a\\nb\"]",
            ", line 1: `allowed_origins`: `a\\nb` is not an origin",
        ),
        (
            "[limits]\nconnections = 1\nconnections = 2",
            ", line 3: duplicate key",
        ),
        ("listen = ", ", line 1: "),
        ("[limits", ", line 1: "),
    ];
    for (text, expected) in cases {
        let refusal = load_file(text).unwrap_err();
        assert!(refusal.starts_with(expected), "{text:?} gave {refusal:?}");
    }
}

#[test]
fn a_mistake_in_the_environment_is_told_with_its_variable_its_value_and_what_to_write() {
    let cases = [
        (
            "NILE_LISTEN",
            "3334",
            "is `3334`: invalid socket address syntax (the default is \"127.0.0.1:3334\"); correct or unset it",
        ),
        (
            "NILE_LISTEN",
            "",
            "is ``: it is empty (the default is \"127.0.0.1:3334\")",
        ),
        (
            "NILE_DATA_DIR",
            " ",
            "is ` `: it is empty (the default is \"data\")",
        ),
        (
            "NILE_LIMITS_CONNECTIONS",
            "many",
            "is `many`: not a whole number (the default is 16000)",
        ),
        (
            "NILE_LIMITS_CONNECTIONS",
            "0",
            "is `0`: invalid value: integer `0`, expected a nonzero u32",
        ),
        (
            "NILE_LIMITS_CONNECTIONS",
            "99999999999",
            "is `99999999999`: invalid value: integer `99999999999`",
        ),
        (
            "NILE_LIMITS_EXEMPT",
            "10.0.0.0/8;::1",
            "is `10.0.0.0/8;::1`: `10.0.0.0/8;::1` is not a network",
        ),
        (
            "NILE_DELIVERIES_PORTS",
            "443,https",
            "is `443,https`: not a whole number (the default is [443])",
        ),
        (
            "NILE_DELIVERIES_PORTS",
            "0",
            "is `0`: invalid value: integer `0`, expected a nonzero u16",
        ),
        (
            "NILE_DELIVERIES_PLAIN_HTTP",
            "yes",
            "is `yes`: neither true nor false (the default is false)",
        ),
        (
            "NILE_LOG_LEVEL",
            "loud\nERROR forged",
            "is `loud\\nERROR forged`: ",
        ),
        (
            "NILE_LOG_FORMAT",
            "JSON",
            "is `JSON`: unknown variant `JSON`, expected `text` or `json`",
        ),
        (
            "NILE_ALLOWED_ORIGINS",
            "null",
            "is `null`: `null` is not an origin",
        ),
    ];
    for (name, value, expected) in cases {
        let refusal = load(&[(name, value)]).unwrap_err().to_string();
        let expected = format!("the environment variable {name} {expected}");
        assert!(refusal.starts_with(&expected), "{refusal}");
        assert!(!refusal.contains('\n'), "{refusal}");
    }
}

#[test]
fn a_mistake_is_blamed_on_the_variable_that_made_it() {
    let refusal = load(&[
        ("NILE_DATA_DIR", "x"),
        ("NILE_DRAIN_SECONDS", "0"),
        ("NILE_LISTEN", "[::1]:1"),
    ]);
    let refusal = refusal.unwrap_err().to_string();
    assert!(refusal.contains("NILE_DRAIN_SECONDS"), "{refusal}");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_an_error_only_if_it_is_ours() {
    use std::os::unix::ffi::OsStringExt;
    let odd = || OsString::from_vec(vec![b'x', 0xff]);
    let others = vec![("OTHER".into(), odd()), (odd(), "x".into())];
    assert!(Config::load(Flags::default(), others).is_ok());
    let ours = vec![("NILE_DATA_DIR".into(), odd())];
    let refusal = Config::load(Flags::default(), ours)
        .unwrap_err()
        .to_string();
    assert!(
        refusal.contains("NILE_DATA_DIR") && refusal.contains("UTF-8"),
        "{refusal}"
    );
}

#[test]
fn an_unknown_variable_is_a_warning_that_does_not_show_its_value() {
    let loaded = load(&[
        ("NILE_LISTN", "hidden"),
        ("NILEX", "1"),
        ("PATH", "1"),
        ("NILE_CONFIGS", "1"),
    ])
    .unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.warnings.len(), 2, "{:?}", loaded.warnings);
    assert!(
        loaded
            .warnings
            .iter()
            .any(|warning| warning.contains("NILE_LISTN "))
    );
    assert!(
        loaded
            .warnings
            .iter()
            .all(|warning| !warning.contains("hidden"))
    );
}

#[test]
fn an_empty_list_in_the_environment_empties_the_list() {
    let config = load(&[("NILE_ALLOWED_ORIGINS", "")]).unwrap().config;
    assert_eq!(config.allowed_origins, AllowedOrigins::Listed(vec![]));
}

#[test]
fn a_list_that_the_file_emptied_is_filled_from_the_environment() {
    let file = file("deliveries.ports = []");
    let flags = Flags {
        config: Some(file.path().to_owned()),
        ..Flags::default()
    };
    let variables = environment(&[("NILE_DELIVERIES_PORTS", "8443")]);
    let config = Config::load(flags, variables).unwrap().config;
    assert_eq!(config.deliveries.ports, [NonZeroU16::new(8443).unwrap()]);
}

#[test]
fn an_exempt_proxy_is_warned_about() {
    let exempt = ("NILE_LIMITS_EXEMPT", "127.0.0.0/8");
    let proxies = ("NILE_TRUSTED_PROXIES", "127.0.0.1");
    assert_eq!(load(&[exempt, proxies]).unwrap().warnings.len(), 1);
    assert_eq!(load(&[exempt]).unwrap().warnings.len(), 0);
}

#[test]
fn a_log_level_is_a_level_or_names_its_module() {
    let parse = |text: &str| LogFilter::try_from(text.to_owned());
    for good in [
        "info",
        "WARN",
        "off",
        "info,nile_instance::store=trace",
        "warn,hyper=off",
    ] {
        assert!(parse(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "inof",
        "nile_instance",
        "info,",
        "info,debgu",
        "nile_instance=loud",
        "info;debug",
        "warn, hyper=off",
        "a\n=info",
        "[request]=debug",
        "a=b=c",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}
