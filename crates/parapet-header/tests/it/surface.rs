use std::fmt::Debug;

use parapet_header::{
    ByteRanges, EntityTag, EntityTagList, EntityTags, MediaType, Params, Quality, Ranges, Repeated,
};

#[test]
fn every_type_is_send_sync_and_debug() {
    fn check<T: Send + Sync + Debug>() {}
    check::<ByteRanges<'_>>();
    check::<EntityTag<'_>>();
    check::<EntityTagList<'_>>();
    check::<EntityTags<'_>>();
    check::<MediaType<'_>>();
    check::<Params<'_>>();
    check::<Quality>();
    check::<Ranges<'_>>();
    check::<Repeated>();
}
