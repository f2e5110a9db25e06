// Package status is what an agent says of itself, and how it is asked.
//
// A Report has counts, times, states and names that the operator gave, and never a
// reading, a label of a patient or a secret. Whoever has one can have it as JSON, as
// the Metrics that Prometheus reads, and as a Summary of one line; Problems finds in
// it what somebody should look at. The package knows nothing of how a Report is
// gathered.
//
// An agent answers in two places. Socket is status.sock in its data directory, for
// its own user alone, and Read asks there: that is `vitalseal status`. MetricsServer
// answers GET /metrics on an address of loopback. Who asks can change nothing, and
// one who does not listen holds up nobody else.
package status
