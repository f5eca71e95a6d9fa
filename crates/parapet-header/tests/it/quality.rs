use http::header::{ACCEPT, ACCEPT_ENCODING};
use parapet_header::{Quality, coding_quality, weighted};

use crate::{map, text};

#[test]
fn weights_are_read_by_the_grammar() {
    for (element, expected) in [
        ("gzip", Some(("gzip", 1000))),
        ("GZIP ; Q=0.8", Some(("GZIP", 800))),
        ("gzip;q=0.001", Some(("gzip", 1))),
        ("gzip;q=0", Some(("gzip", 0))),
        ("gzip;q=0.", Some(("gzip", 0))),
        ("gzip;q=1", Some(("gzip", 1000))),
        ("gzip;q=1.", Some(("gzip", 1000))),
        ("gzip;q=1.000", Some(("gzip", 1000))),
        ("gzip;q=0.05", Some(("gzip", 50))),
        ("text/html;level=1; q=0.5;x=y", Some(("text/html;level=1", 500))),
        ("text/html;x=\"a;q=0\";level=1", Some(("text/html;x=\"a;q=0\";level=1", 1000))),
        ("gzip;q=1.001", None),
        ("gzip;q=2", None),
        ("gzip;q=", None),
        ("gzip;q", None),
        ("gzip;q=0.1234", None),
        ("gzip;q=1.0000", None),
        ("gzip;q=.5", None),
        ("gzip;q=00.5", None),
        ("gzip;q=-0", None),
        ("gzip;q=0,5", Some(("gzip", 0))), // a comma ends the element
        ("gzip;q=\"0.5\"", None),
        ("gzip;q =0", None),
        ("gzip;q= 0", None),
        (";q=0.5", None),
    ] {
        let map = map(&ACCEPT, &[element]);
        let first = weighted(&map, &ACCEPT).next().map(|(e, quality)| (text(e), quality.get()));
        assert_eq!(first, expected.map(|(e, quality)| (text(e), quality)), "{element}");
    }
}

#[test]
fn coding_is_accepted_as_the_client_says() {
    for (lines, coding, expected) in [
        (&["gzip;q=0"][..], "gzip", None),
        (&["*;q=0.5"], "br", Some(500)),
        (&["gzip;q=0.001"], "gzip", Some(1)),
        (&["GZIP ; Q=0.8"], "gzip", Some(800)),
        (&["gzip;q=0.8"], "GZIP", Some(800)),
        (&["gzip;q=1.001"], "gzip", None),
        (&["gzip;q=1.001, *;q=0.2"], "gzip", Some(200)),
        (&["gzip;q=0, *"], "gzip", None),
        (&["*, gzip;q=0"], "gzip", None),
        (&["br", "gzip;q=0.3"], "gzip", Some(300)),
        (&["gzip, gzip;q=0.4"], "gzip", Some(400)),
        (&["gzip;q=0.4, x-gzip"], "gzip", Some(1000)),
        (&["X-GZIP;q=0.7"], "gzip", Some(700)),
        (&["compress;q=0.7"], "x-compress", Some(700)),
        (&["x-br"], "br", None),
        (&["gzip, br"], "zstd", None),
        (&[], "gzip", None),
        (&[""], "gzip", None),
        (&[], "identity", Some(1000)),
        (&[""], "identity", Some(1000)),
        (&["gzip"], "identity", Some(1000)),
        (&["identity;q=0"], "identity", None),
        (&["*;q=0"], "identity", None),
        (&["*;q=0, identity;q=0.1"], "identity", Some(100)),
        (&["identity;q=0, *"], "identity", None),
        (&["*;q=0.5"], "identity", Some(1000)),
    ] {
        let map = map(&ACCEPT_ENCODING, lines);
        let found = coding_quality(&map, coding).map(Quality::get);
        assert_eq!(found, expected, "{lines:?} {coding}");
    }
}
