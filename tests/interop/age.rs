//! The wraps of a data key are plain age files.

use super::keys::Key;
use super::needs::needs;
use super::needs::needs_node_package;
use super::place::Place;

const PLAIN: &str = "# c\nA=one\nB=\n";

#[test]
fn age_opens_our_wrap_and_we_open_a_wrap_of_age() {
    let (Some(age), Some(sops)) = (needs("age"), needs("sops")) else { return };
    let (ours, theirs) = (Key::new(), Key::new());
    let place = Place::new();
    place.write("ours.txt", &ours.secret);
    place.write("plain.env", PLAIN);
    let sealed = place.secrets(["encrypt", "plain.env", "--to", &ours.recipient]).ok().text();
    place.write("wrap.age", wrap(&sealed));
    let data_key = place.call(&age).args(["-d", "-i", "ours.txt", "wrap.age"]).run().ok().stdout;
    assert_eq!(data_key.len(), 32);

    let armor = place.call(&age).args(["-a", "-r", &theirs.recipient]).stdin(&data_key).run().ok().text();
    let swapped = with_wrap(&sealed, &armor, &theirs.recipient);
    place.write("swapped.env", &swapped);
    let _ = place.secrets(["decrypt", "swapped.env"]).ends_with(3);
    for program in [env!("CARGO_BIN_EXE_secrets").as_ref(), sops.as_path()] {
        let call = place.call(program).args(["decrypt", "swapped.env"]).env("SOPS_AGE_KEY", &theirs.secret);
        let _ = call.run().prints(PLAIN);
    }
    // The armor's last line end may be missing.
    place.write("swapped.env", with_wrap(&sealed, armor.trim_end(), &theirs.recipient));
    let call = place.call(env!("CARGO_BIN_EXE_secrets")).args(["decrypt", "swapped.env"]);
    let _ = call.env("SOPS_AGE_KEY", &theirs.secret).run().prints(PLAIN);
}

/// Such a wrap has a reader whom no list shows (`access.md`, 3); sops takes it.
#[test]
fn a_wrap_of_age_for_two_is_refused() {
    let Some(age) = needs("age") else { return };
    let (ours, hidden) = (Key::new(), Key::new());
    let place = Place::new().with("SOPS_AGE_KEY", &ours.secret);
    place.write("ours.txt", &ours.secret);
    place.write("plain.env", PLAIN);
    let sealed = place.secrets(["encrypt", "plain.env", "--to", &ours.recipient]).ok().text();
    place.write("wrap.age", wrap(&sealed));
    let data_key = place.call(&age).args(["-d", "-i", "ours.txt", "wrap.age"]).run().ok().stdout;
    let both = ["-a", "-r", &ours.recipient, "-r", &hidden.recipient];
    let armor = place.call(&age).args(both).stdin(&data_key).run().ok().text();
    place.write("two.env", with_wrap(&sealed, &armor, &ours.recipient));
    let _ = place.secrets(["decrypt", "two.env"]).ends_with(3).says("more than one recipient");
}

#[test]
fn age_keygen_makes_identities_for_us_and_reads_ours() {
    let Some(keygen) = needs("age-keygen") else { return };
    let place = Place::new();
    let _ = place.call(&keygen).args(["-o", "theirs.txt"]).run().ok();
    let public = place.call(&keygen).args(["-y", "theirs.txt"]).run().ok().text();
    let shown = place.secrets(["identity", "show", "--identity", "theirs.txt"]).ok().text();
    assert_eq!(shown, public);
    place.write("plain.env", PLAIN);
    let sealed = place.secrets(["encrypt", "plain.env", "--to", public.trim()]).ok().stdout;
    place.write("sealed.env", sealed);
    let _ = place.secrets(["decrypt", "sealed.env", "--identity", "theirs.txt"]).prints(PLAIN);

    let made = place.secrets(["identity", "new", "--output", "ours.txt"]).ok().text();
    let _ = place.call(&keygen).args(["-y", "ours.txt"]).run().prints(made);
}

/// Returns the armored age file of the one recipient.
fn wrap(sealed: &str) -> String {
    let line = sealed.lines().find_map(|line| line.strip_prefix("sops_age__list_0__map_enc=")).unwrap();
    line.replace("\\n", "\n")
}

fn with_wrap(sealed: &str, armor: &str, recipient: &str) -> String {
    let line = |line: &str| match line.split_once('=').unwrap_or_default().0 {
        "sops_age__list_0__map_enc" => format!("sops_age__list_0__map_enc={}\n", armor.replace('\n', "\\n")),
        "sops_age__list_0__map_recipient" => format!("sops_age__list_0__map_recipient={recipient}\n"),
        _ => format!("{line}\n"),
    };
    sealed.lines().map(line).collect()
}

/// The reference in TypeScript, by the author of the format; age 1.3 and sops 3.12 cannot be had here.
#[test]
fn a_post_quantum_wrap_opens_for_another_implementation_and_one_of_its_own_for_us() {
    let (Some(node), Some(package)) = (needs("node"), needs_node_package("age-encryption")) else { return };
    let place = Place::new();
    place.write("plain.env", PLAIN);
    let script = |body: &str| {
        let module = package.join("age-encryption/dist/index.js");
        let head = "import fs from \"node:fs\"; const own = process.argv[2];\nconst text = () => fs.readFileSync(0);\n";
        let text = format!("import * as age from {:?};\n{head}{body}\n", module.display().to_string());
        place.write("script.mjs", text);
        place.call(&node).args(["script.mjs"])
    };
    let made = script(
        "const key = await age.generateHybridIdentity(); console.log(key); console.log(await age.identityToRecipient(key));",
    );
    let made = made.run().ok().text();
    let (theirs, recipient) = made.trim_end().split_once('\n').unwrap();
    let sealed = place.secrets(["encrypt", "plain.env", "--to", recipient]).ok().text();
    let open = "const d = new age.Decrypter(); d.addIdentity(own);\n\
                process.stdout.write(Buffer.from(await d.decrypt(age.armor.decode(text().toString()))));";
    let data_key = script(open).args([theirs]).stdin(wrap(&sealed)).run().ok().stdout;
    assert_eq!(data_key.len(), 32);
    place.write("sealed.env", &sealed);
    let ours = place.call(env!("CARGO_BIN_EXE_secrets")).args(["decrypt", "sealed.env"]);
    let _ = ours.env("SECRETS_IDENTITY", theirs).run().prints(PLAIN);

    let own = place.secrets(["identity", "new", "--pq", "--output", "ours.txt"]).ok().text();
    let seal = "const e = new age.Encrypter(); e.addRecipient(own);\n\
                console.log(age.armor.encode(await e.encrypt(new Uint8Array(text()))).trimEnd());";
    let armor = script(seal).args([own.trim_end()]).stdin(&data_key).run().ok().text();
    place.write("swapped.env", with_wrap(&sealed, &armor, own.trim_end()));
    let _ = place.secrets(["decrypt", "swapped.env"]).ends_with(3);
    let _ = place.secrets(["decrypt", "--identity", "ours.txt", "swapped.env"]).prints(PLAIN);
}
