package link

// The times of FORMAT.md, in ms.
const (
	helloEvery     = 1_000  // until somebody answers
	helloRefused   = 10_000 // after a refusal
	helloGap       = 200    // between two hellos, however often the gateway polls
	proofEvery     = 1_000  // until somebody answers
	proofGap       = 200    // between two proofs, however often it is challenged
	retryFirst     = 1_000  // without progress, then send again
	retryLast      = 8_000  // doubling up to
	heartbeatEvery = 2_000  // when there was nothing else to send
	gatewayLost    = 5_000  // without a good frame from it

	pollEvery    = 2_000  // while there is no sensor
	welcomeEvery = 1_000  // until there is a proof
	ackEvery     = 1_000  // at least
	ackGap       = 50     // between two that say nothing new
	refuseGap    = 200    // between two refusals
	helloIgnored = 100    // after a hello, another one is not looked at
	timeEvery    = 60_000 // at least
	sensorLost   = 10_000 // without a good frame from it
	refusedLost  = 30_000 // the same, of one that was refused

	// TimeLatency is by how much a time message may be late at the sensor: what
	// the gateway may have to write before it, 100 bytes at most, its own 36, and
	// what the two programs take to get at it. It is enough from 9,600 bit/s on.
	TimeLatency = 250

	never = 1<<64 - 1
)

// sooner returns the smaller of two times.
func sooner(a, b uint64) uint64 {
	if a < b {
		return a
	}
	return b
}

// later returns the greater of two times.
func later(a, b uint64) uint64 {
	if a > b {
		return a
	}
	return b
}
