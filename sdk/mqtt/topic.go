package mqtt

import (
	"fmt"
	"strings"
)

// Kind says what a topic carries; it is the word in the topic.
type Kind string

// The kinds of topics.
const (
	KindData    Kind = "data"    // vs1/{site}/{gateway}/{device}/data: sealed batches
	KindEvent   Kind = "event"   // vs1/{site}/{gateway}/{device}/event: sealed alerts, heartbeats, dropped ranges
	KindAnchor  Kind = "anchor"  // vs1/{site}/{gateway}/{device}/anchor/{eid}: retained
	KindState   Kind = "state"   // vs1/{site}/{gateway}/state: last will, retained
	KindReceipt Kind = "receipt" // vs1/{site}/{gateway}/receipt/{receiver}: a receiver's signed receipt, retained
	KindBeacon  Kind = "beacon"  // vs1/{site}/beacon/{receiver}: a receiver's 16-byte beacon, retained
)

const (
	topicRoot = "vs1"
	maxName   = 64
	hexDigits = 16
)

// Topic is the parsed form of a topic name. Fields that its Kind does not have
// are empty.
type Topic struct {
	Kind     Kind
	Site     string // a-z, 0-9 and '-', 1 to 64 bytes
	Gateway  string // as Site; not "beacon", which is taken; not for KindBeacon
	Device   string // 16 lower-case hex digits, the device's key id; for data, event and anchor
	EID      string // 16 lower-case hex digits, the anchor's id; for anchor
	Receiver string // as Site; for KindReceipt and KindBeacon
}

// ParseTopic reads a topic name. What it accepts, String gives back unchanged;
// wildcards and everything else are refused.
func ParseTopic(name string) (Topic, error) {
	t, ok := splitTopic(name)
	if !ok {
		return Topic{}, fmt.Errorf("topic %.80q is not one of %s", name, topicRoot)
	}
	if err := t.Check(); err != nil {
		return Topic{}, fmt.Errorf("topic %.80q: %w", name, err)
	}
	return t, nil
}

// splitTopic takes the levels apart by their number and fixed words.
func splitTopic(name string) (Topic, bool) {
	p := strings.SplitN(name, "/", 7)
	switch {
	case p[0] != topicRoot:
	case len(p) == 4 && p[2] == string(KindBeacon):
		return Topic{Kind: KindBeacon, Site: p[1], Receiver: p[3]}, true
	case len(p) == 4 && p[3] == string(KindState):
		return Topic{Kind: KindState, Site: p[1], Gateway: p[2]}, true
	case len(p) == 5 && p[3] == string(KindReceipt):
		return Topic{Kind: KindReceipt, Site: p[1], Gateway: p[2], Receiver: p[4]}, true
	case len(p) == 5 && (p[4] == string(KindData) || p[4] == string(KindEvent)):
		return Topic{Kind: Kind(p[4]), Site: p[1], Gateway: p[2], Device: p[3]}, true
	case len(p) == 6 && p[4] == string(KindAnchor):
		return Topic{Kind: KindAnchor, Site: p[1], Gateway: p[2], Device: p[3], EID: p[5]}, true
	}
	return Topic{}, false
}

// String gives the topic name, or "" for a Topic that Check refuses, so that a
// bad field can never become a place to publish to.
func (t Topic) String() string {
	if t.Check() != nil {
		return ""
	}
	levels := []string{topicRoot, t.Site, t.Gateway}
	switch t.Kind {
	case KindBeacon:
		levels = []string{topicRoot, t.Site, string(KindBeacon), t.Receiver}
	case KindState:
		levels = append(levels, string(KindState))
	case KindReceipt:
		levels = append(levels, string(KindReceipt), t.Receiver)
	case KindAnchor:
		levels = append(levels, t.Device, string(KindAnchor), t.EID)
	default:
		levels = append(levels, t.Device, string(t.Kind))
	}
	return strings.Join(levels, "/")
}

// Check says which field is wrong: one outside its character set, missing, or
// set although the Kind does not have it.
func (t Topic) Check() error {
	gateway, device, eid, receiver := true, false, false, false
	switch t.Kind {
	case KindData, KindEvent:
		device = true
	case KindAnchor:
		device, eid = true, true
	case KindState:
	case KindReceipt:
		receiver = true
	case KindBeacon:
		gateway, receiver = false, true
	default:
		return fmt.Errorf("kind %.80q is not known", t.Kind)
	}
	for _, f := range []struct {
		field, value string
		wanted       bool
		ok           func(string) bool
		shape        string
	}{
		{"site", t.Site, true, isName, nameShape},
		{"gateway", t.Gateway, gateway, isGateway, nameShape + ", and not \"beacon\""},
		{"device", t.Device, device, isHex, hexShape},
		{"eid", t.EID, eid, isHex, hexShape},
		{"receiver", t.Receiver, receiver, isName, nameShape},
	} {
		if f.wanted && !f.ok(f.value) {
			return fmt.Errorf("%s %.80q is not %s", f.field, f.value, f.shape)
		}
		if !f.wanted && f.value != "" {
			return fmt.Errorf("%s %.80q has no place in kind %q", f.field, f.value, t.Kind)
		}
	}
	return nil
}

const (
	nameShape = "1 to 64 of a-z, 0-9 and '-'"
	hexShape  = "16 lower-case hex digits"
)

func isGateway(s string) bool { return isName(s) && s != string(KindBeacon) }

func isName(s string) bool {
	if len(s) < 1 || len(s) > maxName {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func isHex(s string) bool {
	if len(s) != hexDigits {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
