package sdktest

import (
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

// Sealing is a sensor that seals for itself, in the pre-shared mode. It has its
// secrets; the gateway has none of them.
type Sealing struct {
	Key keys.Signer

	t      testing.TB
	psk    *keys.SoftwarePSK
	sealer *seal.Sealer
	boot   uint64
}

// NewSealing enrols a sensor that seals for itself at the gateway "gw-1".
func (w *Ward) NewSealing(name string) *Sealing {
	w.t.Helper()
	s := MakeSealing(w.t, name)
	site, err := identity.OpenSite(w.Dir)
	w.Must(err)
	psk := s.psk.Key()
	_, err = site.AddDevice("gw-1", name, identity.DeviceOptions{PublicKey: s.Key.Public(), PreShared: true, PreSharedKey: &psk})
	w.Must(err)
	return s
}

// MakeSealing makes a sensor that is enrolled nowhere. Its keys are those of its
// name, so that another process makes the same.
func MakeSealing(t testing.TB, name string) *Sealing {
	var seed, psk [32]byte
	copy(seed[:], "seed of "+name)
	copy(psk[:], "psk of "+name)
	s := &Sealing{t: t, Key: keys.NewEd25519(&seed)}
	public := s.Key.Public()
	var err error
	if s.psk, err = keys.NewSoftwarePSK(public.ID(), 0, &psk); err != nil {
		panic(err) // of 32 bytes and of generation 0
	}
	s.sealer = seal.NewSealer(s.Key)
	return s
}

// KeyID returns the id of the sensor's key.
func (s *Sealing) KeyID() keys.KeyID { return s.sealer.KeyID() }

// Begin begins a chain of the site "ward-3" and returns its anchor.
func (s *Sealing) Begin(beacon seal.Beacon) []byte {
	s.t.Helper()
	s.boot++
	anchor := seal.Anchor{
		Site: "ward-3", Boot: s.boot, Suite: keys.AlgChaCha20Poly1305, Beacon: beacon, Previous: s.sealer.Checkpoint(),
		Generation: s.psk.Generation(), Clock: seal.Clock{UnixMilli: time.Now().UnixMilli(), Error: 1000},
	}
	anchor.Salt[0], anchor.Salt[1], anchor.Salt[2] = byte(s.boot), byte(s.boot>>8), 1
	var secret [32]byte
	s.must(s.psk.ContentSecret(&secret, s.KeyID(), s.boot, &anchor.Salt))
	s.must(s.psk.Next())
	message, err := s.sealer.Begin(nil, &anchor, &secret)
	s.must(err)
	return message
}

// Seal seals readings as one message.
func (s *Sealing) Seal(readings ...vital.Numeric) []byte {
	s.t.Helper()
	b := vital.Batch{Numerics: readings}
	payload, err := b.Append(nil)
	s.must(err)
	message, err := s.sealer.Seal(nil, payload)
	s.must(err)
	return message
}

func (s *Sealing) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}
