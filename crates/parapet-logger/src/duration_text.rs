/// Writes nanoseconds as Go prints a `time.Duration`: `850ns`, `15.2µs`, `1.234567ms`, `2.5s`, `1h0m3s`.
pub(crate) fn write_duration(out: &mut Vec<u8>, nanos: u64) {
    match nanos {
        0 => out.extend_from_slice(b"0s"),
        1..MICRO => write_decimal(out, nanos, 1, "ns"),
        MICRO..MILLI => write_decimal(out, nanos, MICRO, "µs"),
        MILLI..SECOND => write_decimal(out, nanos, MILLI, "ms"),
        _ => {
            let (minutes, rest) = (nanos / MINUTE, nanos % MINUTE);
            let (hours, minutes) = (minutes / 60, minutes % 60);
            if hours > 0 {
                write_number(out, hours);
                out.push(b'h');
            }
            if hours > 0 || minutes > 0 {
                write_number(out, minutes);
                out.push(b'm');
            }
            write_decimal(out, rest, SECOND, "s");
        }
    }
}

/// `nanos / unit`, as many digits behind the point as are not zero at the end.
fn write_decimal(out: &mut Vec<u8>, nanos: u64, unit: u64, name: &str) {
    write_number(out, nanos / unit);
    let fraction = nanos % unit;
    if fraction > 0 {
        // The unit in front keeps the zeros behind the point; its digit 1 becomes the point.
        let point = out.len();
        write_number(out, unit + fraction);
        if let Some(one) = out.get_mut(point) {
            *one = b'.';
        }
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    out.extend_from_slice(name.as_bytes());
}

fn write_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000 * MICRO;
const SECOND: u64 = 1_000 * MILLI;
const MINUTE: u64 = 60 * SECOND;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_as_go_prints_it() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (850, "850ns"),
            (999, "999ns"),
            (1_000, "1µs"),
            (1_100, "1.1µs"),
            (15_200, "15.2µs"),
            (999_999, "999.999µs"),
            (1_000_000, "1ms"),
            (1_234_567, "1.234567ms"),
            (2_200_000, "2.2ms"),
            (100_000_001, "100.000001ms"),
            (1_000_000_000, "1s"),
            (2_500_000_000, "2.5s"),
            (3_300_000_000, "3.3s"),
            (1_000_000_001, "1.000000001s"),
            (60_000_000_000, "1m0s"),
            (60_500_000_000, "1m0.5s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (3_603_000_000_000, "1h0m3s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"),
            (9_223_372_036_854_775_807, "2562047h47m16.854775807s"),
        ] {
            let mut out = Vec::new();
            write_duration(&mut out, nanos);
            assert_eq!(String::from_utf8(out).unwrap(), text, "{nanos}");
        }
    }
}
