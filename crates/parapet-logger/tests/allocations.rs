//! x
#[cfg(test)]
mod tests {}
