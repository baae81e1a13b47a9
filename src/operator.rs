//! Who sits at the keyboard: for the record of what a person did.

/// User and machine, such as `ayse@clinic-1`, or `root (sudo ayse)@clinic-1`. Not an identity that is proved: whoever may become
/// another user may be named so. What is recorded says which account of which machine it was.
pub fn name() -> String {
    let id = rustix::process::getuid().as_raw();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = user_of(&passwd, id).unwrap_or_else(|| format!("uid-{id}"));
    let sudo = std::env::var("SUDO_USER").ok().filter(|who| id == 0 && plain(who));
    let user = sudo.map_or(user.clone(), |who| format!("{user} (sudo {who})"));
    let host = ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .map(|name| name.trim().to_owned())
        .find(|name| plain(name));
    format!("{user}@{}", host.as_deref().unwrap_or("unknown-host"))
}

/// The name of a user id in `/etc/passwd`.
fn user_of(passwd: &str, id: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| plain(name))?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    })
}

fn plain(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.$".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_id_and_by_nothing_else() {
        let passwd =
            "root:x:0:0:root:/root:/bin/sh\nbroken\nayse:x:1000:1000:Ayşe,,,:/home/ayse:/bin/sh\n";
        assert_eq!(user_of(passwd, 0).as_deref(), Some("root"));
        assert_eq!(user_of(passwd, 1000).as_deref(), Some("ayse"));
        assert_eq!(user_of(passwd, 100), None);
    }

    #[test]
    fn the_operator_is_a_user_at_a_machine() {
        let name = name();
        let (user, host) = name.split_once('@').expect("user@host");
        assert!(!user.is_empty() && !host.is_empty(), "{name}");
    }
}
