use super::*;

#[test]
fn characters_are_never_split() {
    let text = "né 日本 👩\u{200d}🚀 \u{0} x";
    for size in 1..6 {
        let mut stream = Utf8Stream::default();
        let mut out: String = text.as_bytes().chunks(size).map(|chunk| stream.push(chunk)).collect();
        out.push_str(stream.flush());
        assert_eq!(out, text);
    }
}

#[test]
fn broken_bytes_become_replacement_characters() {
    for bytes in [&b"\xff"[..], b"a\xc3b", b"\xf0\x9f\x92", b"\xed\xa0\x80", b"\x80\x80", b"ok\xe2\x82"] {
        for size in 1..4 {
            let mut stream = Utf8Stream::default();
            let mut out: String = bytes.chunks(size).map(|chunk| stream.push(chunk)).collect();
            out.push_str(stream.flush());
            assert_eq!(out, String::from_utf8_lossy(bytes), "{bytes:x?} by {size}");
        }
    }
}
