package firmware

import "github.com/vitalseal/vitalseal/sdk/core/keys"

// Starts is starts, for the tests that cut the power.
type Starts struct{ s starts }

func (s *Starts) Open(slot Slot) error {
	_, err := s.s.open(slot)
	return err
}

func (s *Starts) Next(salt *[keys.SaltSize]byte, secret *[keys.SecretSize]byte) (uint64, uint32, error) {
	return s.s.next(salt, secret)
}

func (s *Starts) Note(head [16]byte) error { return s.s.log.note(head) }

func (s *Starts) Previous() [16]byte { return s.s.previous().Head }

// ParseIdentity and ParseRecord read a block and write it again.
func ParseIdentity(b []byte) ([]byte, error) {
	var id identity
	if err := id.parse(b); err != nil {
		return nil, err
	}
	return id.append(nil), nil
}

func ParseRecord(b []byte) ([]byte, bool) {
	var r record
	if !r.parse(b) {
		return nil, false
	}
	return r.append(nil), true
}

const (
	IdentityUsed = identityUsed
	RecordSize   = recordSize
)

// Session is the number of the session of a device's boot.
var Session = session
