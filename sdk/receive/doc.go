// Package receive turns sealed messages into verified readings. It keeps, per
// device and durably, what is needed to tell a new message from a replayed one,
// names what it finds with a Verdict, and writes one Record for each to a Sink.
//
// The vocabulary:
//
//   - A message is judged once: parsed, verified with the device's registered
//     key, placed in its chain, opened. What fails on the way is refused, with a
//     Verdict that says why, and none of its content is ever shown.
//   - A chain is what a device sealed under one anchor. Its messages may arrive
//     in any order; the receiver keeps the set of sequence numbers it has and the
//     heads at the edges, so that gaps and forks show however late they fill.
//   - A device is silent when its newest chain has not moved on for two of the
//     intervals that it promised (its heartbeat). One that the directory expects
//     (see Expecter) and that was never heard is silent after five minutes. Only
//     what is new and can be opened counts: no repetition, no refused message, and
//     nothing that was withheld while later messages came.
//
// A Receiver does not subscribe: hand it each message with Handle or, to pay for
// one disk write instead of many, HandleBatch. The order is: lines durable in
// the sink, state durable, Message.Ack. A crash in between makes the broker send
// the message again, and a sink that can go back to a mark (OpenFile gives one)
// then holds each line once.
//
// A message that is refused and was not taken in, such as a forgery or a
// repetition, has a Record like every other; but of one kind only the first 64
// have one each, and then there is one in ten seconds with a count, so that a
// flood fills no disk. Stats counts each.
//
// A message that cannot be judged yet, because its anchor has not come or nobody has
// vouched for that, waits in the state: see Config.PendingMessages. What is too much
// is refused, of the device that has most waiting. An anchor that does not come may
// be one that the broker had no room to pass on, and that it retains: AnchorMissing
// says when it is time to subscribe once more.
//
// # How long things are remembered
//
// The heads of the newest 256 messages of a device (Config.DuplicateMessages)
// are kept. A second copy of one of these within 15 minutes
// (Config.DuplicateWindow) is a Duplicate, as MQTT's "at least once" makes them;
// older ones are a Replay. A second message with one sequence number and another
// head is a Fork as long as the head is known, and a Replay afterwards; it is
// refused either way.
//
// The newest 64 chains of a device are kept (Config.Chains), and of those before
// them the ones of which messages are still missing, up to 512 in all. Of 1,024 chains
// before these only the names are: their anchors are recognised, and every
// message under them is a Replay. Names older than that are forgotten, and their
// anchors are a Rollback. One chain may have 2,048 gaps at a time; when there
// are more, the oldest count as received, and what fills them is a Replay.
//
// # Time
//
// A reading's time is its milliseconds since the anchor on top of the anchor's
// clock, with that clock's error. A device without a clock gets the time of
// reception, which is an upper bound, and a "time_quality" that says so.
//
// # Beacons
//
// A receiver whose state is new cannot know which messages are old. It has a
// random Beacon, published by the caller and retained; a device echoes it in its
// next anchor. With Config.RequireBeacon, a device that this state has not met
// is believed only from an anchor that echoes it; what it sealed before cannot be
// told from a recording and is refused, unless Config.AcceptPast says otherwise.
//
// # Receipts
//
// Receiver.Receipts returns what gateways may be told (seal.Receipt): up to where
// each chain is durable here, which numbers below are missing, and which will never
// be taken. It speaks of the stored state only, so that after a crash, or with an
// empty state, the receiver says the same or less, never more. A message that came
// and could not be opened counts as received: it has been judged, and nothing more
// is to be had from it. A number that a refused fork claims stays missing, and of a
// chain whose anchor has not come nothing is said.
//
// A chain in quarantine, one of the names that only are remembered, and every chain
// of a device that is revoked or expired are said to be refused, so that their
// gateway need not keep them. A Rollback is said only when it has been one for
// Config.PendingTimeout: an anchor that vouches for the chain may be on its way. The
// older gaps of a chain with too many are said to be given up.
package receive
