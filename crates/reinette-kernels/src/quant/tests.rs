use super::QuantType;

#[test]
fn rows_are_whole_blocks() {
    assert_eq!(QuantType::Q4K.row_bytes(512), Some(288));
    assert_eq!(QuantType::Q4K.row_bytes(576), None);
    assert_eq!(QuantType::Q4_1.row_bytes(576), Some(360));
    assert_eq!(QuantType::F16.row_bytes(7), Some(14));
    assert_eq!(QuantType::F32.row_bytes(usize::MAX / 2), None);
}
