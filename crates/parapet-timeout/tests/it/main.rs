//! Tests of parapet-timeout through its public API.

/// `RequestDeadline` on paused time: the head, the body, nesting.
#[cfg(test)]
mod deadline;
/// What waits inside a deadline: places in queues, files of buffered uploads.
#[cfg(test)]
mod places;
/// `Timeout` on paused time: the head, custom handlers, 1xx.
#[cfg(test)]
mod timeout;
/// What layers leave behind: no timer, whatever became of the request.
#[cfg(test)]
mod timers;
/// Tunnels through both, over sockets.
#[cfg(test)]
mod tunnel;
/// Both in front of an upstream whose backend is silent or stalls, over sockets.
#[cfg(test)]
mod upstream;
