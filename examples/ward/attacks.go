package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

// victim and other are the topics of two beds' sealed readings. The victim's bed
// sends most often.
func (a *attacker) victim() string { return a.site.topic(a.beds[0].device) }
func (a *attacker) other() string  { return a.site.topic(a.beds[1].device) }

// several is how many messages an attack in flight destroys, no more than it
// takes to be seen.
const several = 3

// impostor signs with the attacker's key and says that it is the device's.
type impostor struct {
	*keys.Ed25519
	claims keys.PublicKey
}

// Public implements keys.Signer, with a lie.
func (i impostor) Public() keys.PublicKey { return i.claims }

// forge sends envelopes that are in perfect form: sealed by the project's own
// code and encrypted to the ward's own recipients. Only the key is not the
// device's.
func (a *attacker) forge() (tamper, error) {
	var seed [keys.SecretSize]byte
	rand.Read(seed[:])
	own := keys.NewEd25519(&seed)
	device := a.site.device(a.beds[0].device)
	for _, signer := range []keys.Signer{impostor{own, device.PublicKey}, own} {
		forged, err := a.sealZero(signer)
		if err != nil {
			return nil, err
		}
		for _, payload := range forged {
			if err := a.broker.publish(a.victim(), payload); err != nil {
				return nil, err
			}
		}
	}
	plain := plainReport{Time: time.Now(), Readings: []plainReading{{Code: a.beds[0].rate}}}
	return nil, a.broker.publish(plainTopic(a.beds[0].device), plain.encode())
}

// sealZero returns an anchor and a batch that says that the heart rate is 0.
func (a *attacker) sealZero(signer keys.Signer) ([][]byte, error) {
	public := signer.Public()
	anchor := seal.Anchor{Site: siteName, Boot: 1 << 20, Heartbeat: 1000, Suite: keys.AlgChaCha20Poly1305}
	var secret [keys.SecretSize]byte
	rand.Read(secret[:])
	rand.Read(anchor.Salt[:])
	var err error
	if anchor.Recipients, err = identity.Wrap(a.site.roster.Recipients, &anchor, public.ID(), &secret); err != nil {
		return nil, err
	}
	sealer := seal.NewSealer(signer)
	first, err := sealer.Begin(nil, &anchor, &secret)
	if err != nil {
		return nil, err
	}
	zero := vital.Batch{Numerics: []vital.Numeric{{Code: vital.PulseRate, Unit: vital.BeatsPerMinute, Value: vital.Int(0)}}}
	payload, err := zero.Append(nil)
	if err != nil {
		return nil, err
	}
	batch, err := sealer.Seal(nil, payload)
	return [][]byte{first, batch}, err
}

// plaintext hopes for a receiver that takes what it is given.
func (a *attacker) plaintext() (tamper, error) {
	report := plainReport{Time: time.Now(), Readings: []plainReading{{Code: a.beds[0].rate}}}
	sealed, err := a.before(a.victim(), 1)
	if err != nil {
		return nil, err
	}
	torn := sealed[0].payload[:len(sealed[0].payload)/2]
	return nil, errors.Join(a.broker.publish(a.victim(), report.encode()), a.broker.publish(a.victim(), torn))
}

// replay sends, of two beds, what was authentic when it was sent first.
func (a *attacker) replay() (tamper, error) {
	for _, topic := range []string{a.victim(), a.other()} {
		old, err := a.before(topic, several)
		if err != nil {
			return nil, err
		}
		if err := a.sendAgain(old); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// before returns messages of a topic that are older than any repetition by MQTT.
func (a *attacker) before(topic string, n int) ([]message, error) {
	old := a.recording(n, func(m message) bool { return m.topic == topic && time.Since(m.at) > 2*repeatWindow })
	if len(old) == 0 {
		return nil, fmt.Errorf("nothing was recorded on %q", topic)
	}
	return old, nil
}

func (a *attacker) has(topic string) bool {
	_, err := a.before(topic, 1)
	return err == nil
}

func (a *attacker) sendAgain(messages []message) error {
	var errs []error
	for _, m := range messages {
		errs = append(errs, a.broker.publish(m.topic, m.payload))
	}
	return errors.Join(errs...)
}

// rollBack would take the ward back to a boot of the device that is over.
func (a *attacker) rollBack() (tamper, error) { return nil, a.sendAgain(a.night) }

// splice sends the victim's header with the other bed's payload and signature.
func (a *attacker) splice() (tamper, error) {
	header, err := a.before(a.victim(), 1)
	if err != nil {
		return nil, err
	}
	body, err := a.before(a.other(), 1)
	if err != nil {
		return nil, err
	}
	h, b := headerEnd(header[0].payload), headerEnd(body[0].payload)
	return nil, a.broker.publish(a.victim(), append(bytes.Clone(header[0].payload[:h]), body[0].payload[b:]...))
}

// headerEnd returns where the protected header of a COSE_Sign1 ends.
func headerEnd(sign1 []byte) int {
	r := cbor.NewReader(sign1)
	r.Tag()
	r.Array()
	r.Bytes()
	return r.Offset()
}

// drop loses a run of the victim's messages; the one after shows it.
func (a *attacker) drop() (tamper, error) {
	left := several
	return func(m message) (message, bool) {
		if m.topic != a.victim() || left == 0 {
			return m, true
		}
		left--
		return m, false
	}, nil
}

// alter flips a bit of the last encrypted byte, where the newest reading is.
func (a *attacker) alter() (tamper, error) {
	const after = keys.TagSize + 2 + keys.SignatureSize // of the ciphertext
	left := several
	return func(m message) (message, bool) {
		if m.topic != a.victim() || left == 0 {
			return m, true
		}
		left--
		m.payload = bytes.Clone(m.payload)
		m.payload[len(m.payload)-after-1] ^= 1
		return m, true
	}, nil
}

// swap delivers each of two beds' readings as the other's.
func (a *attacker) swap() (tamper, error) {
	left := several
	return func(m message) (message, bool) {
		if left == 0 {
			return m, true
		}
		switch m.topic {
		case a.victim():
			m.topic = a.other()
		case a.other():
			m.topic = a.victim()
		default:
			return m, true
		}
		left--
		return m, true
	}, nil
}

// cutOff drops all of one bed for as long as the attack lasts, from a sign of life
// on: a bed that the ward calls silent already is not called so again.
func (a *attacker) cutOff() (tamper, error) {
	device := a.site.device(a.beds[1].device).KeyID.String()
	alive := false
	return func(m message) (message, bool) {
		deliver := !alive || !strings.Contains(m.topic, device)
		alive = alive || m.topic == a.other()
		return m, deliver
	}, nil
}
