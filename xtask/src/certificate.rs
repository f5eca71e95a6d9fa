use std::path::Path;
use std::process::Stdio;

use crate::error::{Doing, Error, Result, read, write};
use crate::tools;

/// Writes cert.pem, key.pem and both.pem (HAProxy wants them in one file): P-256, self-signed, for localhost.
pub(crate) fn write_self_signed(dir: &Path) -> Result<()> {
    let mut command = tools::command("openssl");
    command
        .current_dir(dir)
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes".split(' '));
    command.args("-keyout key.pem -out cert.pem -days 30 -subj /CN=localhost".split(' '));
    command.args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
    let output = command.stdin(Stdio::null()).output().doing(|| "start openssl".to_owned())?;
    if !output.status.success() {
        return Err(Error::answer(
            "openssl req",
            "a certificate",
            String::from_utf8_lossy(&output.stderr),
        ));
    }
    let both = [read(&dir.join("cert.pem"))?, read(&dir.join("key.pem"))?].concat();
    write(&dir.join("both.pem"), both)
}
