package sdk

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// state is what a gateway remembers of its chains across restarts: where each
// ended, to be said in the next anchor, and which anchors are still retained at
// the broker, with their messages, since a broker that was killed may have forgotten
// what it had acknowledged. None of it is secret, and none is needed to be safe: the
// boot counter, which is, lives with the identity.
//
// An end is written by Close only. After a crash nobody knows for certain which
// message was the last, and an anchor that named an earlier one would have
// receivers refuse those after it as a fork; so it names the anchor of the chain
// before, which vouches for that chain, and claims no end of it: its tail is
// proven by its own messages alone.
type state struct {
	path string

	mu    sync.Mutex
	doc   document
	dirty bool
}

type document struct {
	Beacon  string                  `json:"beacon,omitempty"` // the last that was echoed
	Devices map[string]*deviceState `json:"devices"`          // by kid
}

type deviceState struct {
	EID     string        `json:"eid,omitempty"` // of the newest chain
	Seq     uint64        `json:"seq,omitempty"` // where it ended; 0, with the head of its anchor: it has not, or nobody knows where
	Head    string        `json:"head,omitempty"`
	Anchors []anchorState `json:"anchors"` // retained, oldest first

	Boot uint64 `json:"boot,omitempty"` // of the newest anchor of a device that seals for itself
}

type anchorState struct {
	EID   string    `json:"eid"`
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended,omitzero"` // when the next one began

	// The message: what was sealed under it may be sent when the broker has
	// forgotten it.
	Message []byte `json:"message,omitempty"`
}

// maxAnchorMessages bounds the anchors of one device whose messages are kept, so
// that a gateway which is started again and again does not fill its disk with them.
const maxAnchorMessages = 256

// openState reads the state; a missing file is an empty state. One that cannot
// be read is set aside rather than standing in the way: see state.
func openState(path string) (*state, error) {
	s := &state{path: path, doc: document{Devices: map[string]*deviceState{}}}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	if err := json.Unmarshal(raw, &s.doc); err != nil || s.doc.Devices == nil || slices.Contains(slices.Collect(maps.Values(s.doc.Devices)), nil) {
		s.doc = document{Devices: map[string]*deviceState{}}
		return s, os.Rename(path, path+".damaged")
	}
	return s, nil
}

// beacon returns the last beacon that was echoed, so that a restart does not need
// a second anchor once it is heard again.
func (s *state) beacon() seal.Beacon {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b seal.Beacon
	if !unhex(b[:], s.doc.Beacon) {
		return seal.Beacon{}
	}
	return b
}

// heard notes the beacon of a new anchor.
func (s *state) heard(b seal.Beacon) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b == (seal.Beacon{}) {
		return
	}
	s.doc.Beacon, s.dirty = hex.EncodeToString(b[:]), true
}

// checkpoint returns what the next anchor of a device says of its chain before:
// where it ended or, where that is not known, only which it was; zero for none.
func (s *state) checkpoint(kid keys.KeyID) seal.Checkpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	var c seal.Checkpoint
	d := s.doc.Devices[kid.String()]
	if d == nil || !unhex(c.EID[:], d.EID) || !unhex(c.Head[:], d.Head) || d.Seq > seal.MaxSeq {
		return seal.Checkpoint{}
	}
	c.Seq = d.Seq
	return c
}

// began notes a new chain; save it before the anchor leaves: one that is
// forgotten would stay retained for ever. check and message are those of the anchor.
func (s *state) began(kid keys.KeyID, check seal.Checkpoint, message []byte, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.device(kid)
	d.supersede(now)
	d.add(anchorState{EID: check.EID.String(), Began: now, Message: message})
	d.set(check)
	s.dirty = true
}

// device returns the state of a device, which it makes. s.mu is held.
func (s *state) device(kid keys.KeyID) *deviceState {
	d := s.doc.Devices[kid.String()]
	if d == nil {
		d = new(deviceState)
		s.doc.Devices[kid.String()] = d
	}
	return d
}

// add adds an anchor, and lets go of the oldest message that is too many.
func (d *deviceState) add(a anchorState) {
	d.Anchors = append(d.Anchors, a)
	if old := len(d.Anchors) - 1 - maxAnchorMessages; old >= 0 {
		d.Anchors[old].Message = nil
	}
}

// supersede notes that no chain begun so far is in use any more.
func (d *deviceState) supersede(now time.Time) {
	for i := range d.Anchors {
		if d.Anchors[i].Ended.IsZero() {
			d.Anchors[i].Ended = now
		}
	}
}

// carriedChain notes the anchor of a device that seals for itself, and reports
// whether it begins the newest chain. One that came before is noted once; one older
// than the newest is superseded from the start.
func (s *state) carriedChain(kid keys.KeyID, a *carriedAnchor, message []byte, now time.Time) (newest bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.device(kid)
	newest = a.boot > d.Boot
	eid := a.check.EID.String()
	if slices.ContainsFunc(d.Anchors, func(known anchorState) bool { return known.EID == eid }) {
		return false
	}
	noted := anchorState{EID: eid, Began: now, Ended: now, Message: message}
	if newest {
		d.supersede(now)
		noted.Ended = time.Time{}
		d.Boot = a.boot
		d.set(a.check)
	}
	d.add(noted)
	s.dirty = true
	return newest
}

// keptAnchor is an anchor with its message.
type keptAnchor struct {
	oldAnchor
	message []byte // nil: not kept
	newest  bool   // of its device
}

// anchors returns the anchors of all devices that are retained, those of one device
// together and oldest first.
func (s *state) anchors() (all []keptAnchor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, d := range s.doc.Devices {
		for _, a := range d.Anchors {
			k := keptAnchor{message: a.Message, newest: a.EID == d.EID}
			if unhex(k.kid[:], id) && unhex(k.eid[:], a.EID) {
				all = append(all, k)
			}
		}
	}
	return all
}

// oldAnchor reports whether an anchor of a device that seals for itself came before
// the newest that is known.
func (s *state) oldAnchor(kid keys.KeyID, eid seal.EID, boot uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.doc.Devices[kid.String()]
	return d != nil && (boot < d.Boot || boot == d.Boot && eid.String() != d.EID)
}

// endedChain reports whether a chain is known, and is not the newest.
func (s *state) endedChain(kid keys.KeyID, eid seal.EID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.doc.Devices[kid.String()]
	return d != nil && d.EID != eid.String() &&
		slices.ContainsFunc(d.Anchors, func(a anchorState) bool { return a.EID == eid.String() })
}

// knows reports whether a device ever began a chain.
func (s *state) knows(kid keys.KeyID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doc.Devices[kid.String()] != nil
}

// maxCarriedAnchors bounds the anchors of one device that are retained: a sensor
// begins a chain a day and at each start.
const maxCarriedAnchors = 512

// crowded reports whether a device has more anchors retained than that.
func (s *state) crowded(kid keys.KeyID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.doc.Devices[kid.String()]
	return d != nil && len(d.Anchors) >= maxCarriedAnchors
}

// ended notes where the chain of a device ended.
func (s *state) ended(kid keys.KeyID, check seal.Checkpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.doc.Devices[kid.String()]
	if d == nil || check.EID == (seal.EID{}) {
		return
	}
	d.set(check)
	s.dirty = true
}

func (d *deviceState) set(check seal.Checkpoint) {
	d.EID, d.Seq, d.Head = check.EID.String(), check.Seq, hex.EncodeToString(check.Head[:])
}

// oldAnchor is one that a later one has superseded.
type oldAnchor struct {
	kid keys.KeyID
	eid seal.EID
}

// superseded returns the anchors that ended before the given time, those of one
// device together and oldest first.
func (s *state) superseded(before time.Time) []oldAnchor {
	s.mu.Lock()
	defer s.mu.Unlock()
	var old []oldAnchor
	for id, d := range s.doc.Devices {
		for _, a := range d.Anchors {
			var o oldAnchor
			if !a.Ended.IsZero() && a.Ended.Before(before) && unhex(o.kid[:], id) && unhex(o.eid[:], a.EID) {
				old = append(old, o)
			}
		}
	}
	return old
}

func (s *state) cleared(o oldAnchor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.doc.Devices[o.kid.String()]
	for i := range d.Anchors {
		if d.Anchors[i].EID == o.eid.String() {
			d.Anchors = append(d.Anchors[:i], d.Anchors[i+1:]...)
			s.dirty = true
			return
		}
	}
}

// save stores the state if it changed, by way of a second file, so that a crash
// leaves the old one or the new one, and after its return the new one.
func (s *state) save() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.dirty {
		return nil
	}
	raw, err := json.Marshal(&s.doc)
	if err != nil {
		return err
	}
	next := s.path + ".new"
	if err := writeSynced(next, raw); err != nil {
		return fmt.Errorf("store the state of the chains: %w", err)
	}
	if err := errors.Join(os.Rename(next, s.path), syncDir(filepath.Dir(s.path))); err != nil {
		return fmt.Errorf("store the state of the chains: %w", err)
	}
	s.dirty = false
	return nil
}

func writeSynced(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func unhex(dst []byte, s string) bool {
	if hex.DecodedLen(len(s)) != len(dst) {
		return false
	}
	_, err := hex.Decode(dst, []byte(s))
	return err == nil
}
