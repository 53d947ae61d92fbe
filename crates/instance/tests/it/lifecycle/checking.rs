//! `nile-instance check`, as an operator runs it.

use std::path::Path;

use rusqlite::Connection;

use crate::support::{
    http::{Http, JSON},
    process::{TestProcess, binary},
    request::{login, register, token_in},
};

/// The status with which the command ends, and what it says.
fn check(data_dir: &Path) -> (Option<i32>, String) {
    let checked = binary(data_dir).arg("check").output().unwrap();
    let said = [checked.stdout, checked.stderr].concat();
    (checked.status.code(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn a_check_finds_damage_while_the_instance_serves_whatever_is_sound() {
    let instance = TestProcess::start(&[]).await;
    let mut http = Http::connect(instance.address).await;
    let line = "PUT /client/to/instance";
    let damaged = http.request(line, &[JSON], &register("Ada")).await;
    let sound = http.request(line, &[JSON], &register("Bo")).await;
    let (status, said) = check(&instance.data_dir());
    assert!(said.starts_with("sound: "), "{said}");
    assert_eq!(status, Some(0));

    let door = Connection::open(instance.data_dir().join("nile.db")).unwrap();
    let flip = "UPDATE client SET information = replace(information, 'Ada', 'Ade')";
    door.execute_batch(flip).unwrap();
    let line = "POST /client/to/instance";
    for (registered, status) in [(damaged, 503), (sound, 200)] {
        let token = token_in(&registered.body);
        let answer = http.request(line, &[JSON], &login(&token)).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    let (status, said) = check(&instance.data_dir());
    assert!(
        said.starts_with("damaged: client 1: does not fit its sum\ndamaged: 1 damage, "),
        "{said}"
    );
    assert_eq!(said.lines().count(), 2, "and it is not logged: {said}");
    assert_eq!(status, Some(1));
}

#[test]
fn where_there_is_nothing_to_check_it_says_so_and_makes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = directory.path().join("data");
    let (status, said) = check(&nowhere);
    assert_eq!(status, Some(1));
    assert!(said.contains("there is no database"), "{said}");
    assert!(!nowhere.exists());
}
