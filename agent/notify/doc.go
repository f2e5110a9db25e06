// Package notify tells a service manager that the agent is ready, how it is, and that
// it gets on.
//
// Service is the manager, by the protocol of sd_notify(3). A Watchdog sends it the
// word that sd_watchdog_enabled(3) asks for, and has none of its own: one is sent
// after each round, and a round ends only when whoever made it has seen progress. So
// it is not a timer that is asked whether the process lives, but the work. A Task
// knows for how long a part of that work has been going on.
//
// The protocol is one datagram of lines to a socket, so it is written here and brings
// no module. Where no manager watches rounds are gone all the same: Stuck says it to
// whoever asks.
package notify
