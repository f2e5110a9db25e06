package receive

// Verdict is what a receiver finds about a message, or about a device.
type Verdict uint8

// Verdicts. Valid and Filled are the two under which readings are shown.
const (
	Valid        Verdict = iota + 1 // authentic, new, and the chain holds
	Duplicate                       // a recent message once more, as MQTT does it
	Gap                             // messages before this one are missing
	Filled                          // valid, and was missing before
	Fork                            // two messages where the device sealed one: a copied key or state
	Rollback                        // a chain from a boot that was over: old state, or an old anchor
	Replay                          // a message from long ago once more
	WrongDevice                     // not the device of its topic, not registered, or not with its key
	WrongSite                       // of another site
	Revoked                         // the device's key is revoked or expired
	Malformed                       // not a message
	BadSignature                    // not signed by the device it names
	CannotOpen                      // authentic, but its content cannot be read
	Silent                          // a device that promised to speak does not
	Resumed                         // a device that was silent speaks again
	verdictCount
)

var verdictNames = [verdictCount]string{
	Valid: "valid", Duplicate: "duplicate", Gap: "gap", Filled: "filled", Fork: "fork",
	Rollback: "rollback", Replay: "replay", WrongDevice: "wrong device", WrongSite: "wrong site",
	Revoked: "revoked", Malformed: "malformed", BadSignature: "bad signature",
	CannotOpen: "cannot open", Silent: "silent", Resumed: "resumed",
}

// String returns the name used in JSON lines, such as "bad signature", and ""
// for the zero Verdict.
func (v Verdict) String() string {
	if v < verdictCount {
		return verdictNames[v]
	}
	return ""
}

// Verdicts returns all verdicts, in the order of their numbers.
func Verdicts() []Verdict {
	all := make([]Verdict, 0, verdictCount-1)
	for v := Valid; v < verdictCount; v++ {
		all = append(all, v)
	}
	return all
}
