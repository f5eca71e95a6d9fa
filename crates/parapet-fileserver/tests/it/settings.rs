use parapet_fileserver::{Encoding, Error, FileServer};

#[test]
fn bad_settings_are_told_when_they_are_set() {
    assert_eq!(FileServer::new("").unwrap_err(), Error::EmptyRoot);
    for name in ["", ".", "..", "a/b", "/index.html", "a\0"] {
        let error = FileServer::new("x").unwrap().index(&["index.html", name]).unwrap_err();
        assert_eq!(error, Error::Index(name.to_owned()));
    }
    insta::assert_snapshot!(Error::EmptyRoot, @r#"the root of a file server is empty: name a directory ("." is the current one)"#);
    insta::assert_snapshot!(Error::Index("a/b".into()), @r#""a/b" is no name of an index file: write a file name, without a slash, and not "." or "..""#);
}

#[test]
fn it_can_be_printed_and_shared() {
    fn shared<T: Send + Sync + std::fmt::Debug>(value: &T) -> String {
        format!("{value:?}")
    }
    let files = FileServer::new("site").unwrap().precompressed(&[Encoding::Gzip]);
    insta::assert_snapshot!(shared(&files), @r#"FileServer { root: "site", list_directory: false, index: ["index.html"], dotfiles: Deny, precompressed: [Gzip], cache_control: false, etag: true }"#);
}
