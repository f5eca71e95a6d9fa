use http::header::{ORIGIN, VARY};
use parapet_header::add_vary;

use crate::map;

#[test]
fn vary_names_the_field_once() {
    for (lines, appended) in [
        (&[][..], true),
        (&["accept-encoding, ORIGIN"], false),
        (&["accept-encoding", "x, Origin"], false),
        (&["*"], false),
        (&["a", "b, *"], false),
        (&["x-origin"], true),
        (&[""], true),
    ] {
        let mut map = map(&VARY, lines);
        add_vary(&mut map, &ORIGIN);
        add_vary(&mut map, &ORIGIN);
        let mut expected = lines.to_vec();
        expected.extend(appended.then_some("origin"));
        assert_eq!(map.get_all(VARY).iter().collect::<Vec<_>>(), expected, "{lines:?}");
    }
}
