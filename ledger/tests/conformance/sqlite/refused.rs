//! Files that are no ledger, or not ours to use: one clear line each, and nothing of theirs is touched.

use crate::alone;
use crate::place::{empty, fresh};
use crate::sqlite::engine::{Database, url};
use ledger::{Ledger, LedgerError, LedgerSettings, migrate};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output};

/// What `open` says; it is one line, it does not ask to wait, and it names the file.
async fn open_says(settings: &LedgerSettings, file: &Path) -> (LedgerError, String) {
    clear(Ledger::open(settings).await.unwrap_err(), file)
}

async fn migrate_says(settings: &LedgerSettings, file: &Path) -> (LedgerError, String) {
    clear(migrate(settings).await.unwrap_err(), file)
}

fn clear(error: LedgerError, file: &Path) -> (LedgerError, String) {
    let line = error.to_string();
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.contains(&file.display().to_string()), "which file? {line}");
    assert!(!error.is_away(), "waiting does not help: {error:?}");
    (error, line)
}

fn at(settings: &LedgerSettings, file: &Path) -> LedgerSettings {
    LedgerSettings { url: url(file), ..settings.clone() }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_made_by_migrate_and_by_nobody_else() {
    let (database, settings) = empty().await;
    let file = database.file();
    let (error, line) = open_says(&settings, &file).await;
    assert!(matches!(error, LedgerError::Schema(_)), "{error:?}");
    assert!(line.contains("ulak migrate") && line.contains("ulak up"), "{line}");
    assert!(!file.exists(), "a question makes no file");
    migrate(&settings).await.unwrap();
    Ledger::open(&settings).await.unwrap();
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_not_made() {
    let (database, settings) = empty().await;
    let file = database.folder().join("missing").join("ulak.db");
    let (_, line) = migrate_says(&at(&settings, &file), &file).await;
    assert!(line.contains("the folder of") && line.contains("database.url"), "{line}");
    assert!(!database.folder().join("missing").exists());
    open_says(&at(&settings, &file), &file).await;
}

#[tokio::test]
async fn a_folder_is_no_file() {
    let (database, settings) = empty().await;
    let settings = at(&settings, database.folder());
    for (_, line) in [
        open_says(&settings, database.folder()).await,
        migrate_says(&settings, database.folder()).await,
    ] {
        assert!(line.contains("is a folder; set database.url to a file"), "{line}");
    }
}

#[tokio::test]
async fn an_address_without_a_file_is_refused() {
    let (_database, settings) = empty().await;
    for address in ["sqlite://", "sqlite://:memory:", "sqlite://file::memory:?cache=shared"] {
        let settings = LedgerSettings { url: address.into(), ..settings.clone() };
        let error = migrate(&settings).await.unwrap_err();
        assert!(error.to_string().contains("names no file"), "{address}: {error}");
    }
    let settings = LedgerSettings { url: "mysql://x/y".into(), ..settings };
    let error = Ledger::open(&settings).await.unwrap_err();
    assert!(error.to_string().contains("only postgres:// and sqlite://"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let (database, settings) = empty().await;
    let text = b"name;phone\n".as_slice();
    let noise: Vec<u8> =
        (0..50_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for content in [text, &text.repeat(1_000), &noise] {
        fs::write(database.file(), content).unwrap();
        for (error, line) in [
            open_says(&settings, &database.file()).await,
            migrate_says(&settings, &database.file()).await,
        ] {
            assert!(matches!(error, LedgerError::Unsafe(_)), "{error:?}");
            assert!(line.contains("no SQLite database"), "{line}");
        }
        assert_eq!(fs::read(database.file()).unwrap(), content, "it is somebody's file");
    }
}

#[tokio::test]
async fn a_ledger_that_was_damaged_is_not_taken_for_one_that_is_away() {
    let place = fresh().await;
    for i in 0..60 {
        place.sending(&format!("a{i}")).await;
    }
    place.close().await;
    place.raw.close().await;
    let mut bytes = fs::read(place.database.file()).unwrap();
    // all but the first page, in which the schema is
    for byte in &mut bytes[4_096..] {
        *byte ^= 0x5a;
    }
    fs::write(place.database.file(), bytes).unwrap();
    let (error, line) = open_says(&place.settings, &place.database.file()).await;
    assert!(matches!(error, LedgerError::Unsafe(_)), "{error:?}");
    assert!(line.contains("damaged"), "{line}");
}

#[tokio::test]
async fn a_newer_ledger_and_another_key_leave_the_file_as_it_is() {
    let place = fresh().await;
    place.run("UPDATE meta SET value = '99' WHERE key = 'schema'").await;
    place.close().await;
    place.raw.close().await;
    let before = fs::read(place.database.file()).unwrap();
    migrate(&place.settings).await.unwrap_err();
    Ledger::open(&place.settings).await.unwrap_err();
    assert_eq!(fs::read(place.database.file()).unwrap(), before);
}

/// Permission bits bind everybody but root, who becomes nobody for the while of this test.
#[tokio::test]
async fn a_file_or_a_folder_that_may_not_be_written_is_said_so() {
    const NAME: &str = "sqlite::refused::a_file_or_a_folder_that_may_not_be_written_is_said_so";
    if let Some(file) = alone::given() {
        return may_not_be_written(Path::new(&file)).await;
    }
    for (what, folder_mode, file_mode) in [("file", 0o777, 0o444), ("folder", 0o555, 0o666)] {
        let (database, settings) = empty().await;
        migrate(&settings).await.unwrap();
        set_mode(&database.file(), file_mode);
        set_mode(database.folder(), folder_mode);
        let asked = alone::command(NAME, &database.file().display().to_string());
        let done =
            if binds_us(&database) { { asked }.output().unwrap() } else { as_nobody(&asked) };
        let said =
            [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert!(done.status.success() && said[0].contains("1 passed"), "{what}: {}", said.concat());
    }
}

async fn may_not_be_written(file: &Path) {
    let (_database, settings) = empty().await;
    let settings = at(&settings, file);
    for (_, line) in [open_says(&settings, file).await, migrate_says(&settings, file).await] {
        // what to do differs: the right of a file that is named, or of the folder
        let helps = line.contains("`chmod u+w ") || line.contains("give this user the right");
        assert!(line.contains("cannot be written") && helps, "{line}");
    }
}

fn set_mode(path: &Path, bits: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
}

/// Whether permission bits mean anything to this user.
fn binds_us(database: &Database) -> bool {
    let file = fs::OpenOptions::new().append(true).open(database.file());
    file.is_err() || fs::create_dir(database.folder().join("may")).is_err()
}

/// Runs a command of this program as a user without rights, from a place where such a user finds it.
fn as_nobody(asked: &Command) -> Output {
    const NOBODY: u32 = 65_534;
    let folder = tempfile::tempdir().unwrap();
    set_mode(folder.path(), 0o755);
    let program = folder.path().join("test");
    fs::copy(asked.get_program(), &program).unwrap();
    let mut command = Command::new(program);
    command.args(asked.get_args()).current_dir("/").uid(NOBODY).gid(NOBODY);
    command.envs(asked.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command.output().unwrap()
}
