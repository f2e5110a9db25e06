package main

import (
	"crypto/rand"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// linkAttacks are what somebody with hands on the cable writes into it who knows
// all that passes there, the numbers of the session included, and no key.
func linkAttacks(t *linkTap) []attack {
	return []attack{
		noise(vital.EventBadFrames),
		{name: "a frame of before once more", writes: []func() []byte{t.replayed}},
		{name: "a device that nobody knows", counted: vital.EventUnknownDevice, writes: []func() []byte{func() []byte {
			var kid link.KeyID
			rand.Read(kid[:])
			return hello(kid)
		}}},
	}
}

// sealedAttacks are those that a sensor without a key would be helpless against:
// what it says is as good as its cable.
func sealedAttacks(t *linkTap) []attack {
	forged := attack{name: "a forged reading in the running session", counted: vital.EventRefused, writes: []func() []byte{t.forgedData}}
	return append(linkAttacks(t), forged, t.impostor())
}

// forgedData is a data frame in the place of the sensor's next.
func (t *linkTap) forgedData() []byte {
	session, next := t.now()
	d := link.Data{Type: link.TypeSealed, Session: session, Seq: next, Body: forged()}
	return link.AppendFrame(nil, d.Append(nil))
}

// impostor says that it is the device on the line, and answers the challenge that
// it sees there with a signature that it does not have the key for.
func (t *linkTap) impostor() attack {
	kid := link.KeyID(t.belongs.ID())
	prove := func() []byte {
		p := link.Proof{Session: forgedSession}
		challenge := t.challengeOf(forgedSession)
		copy(p.Echo[:], challenge[:])
		rand.Read(p.Signature[:])
		return link.AppendFrame(nil, p.Append(nil))
	}
	return attack{name: "an impostor of the device", counted: vital.EventImpostor,
		writes: []func() []byte{func() []byte { return hello(kid) }, prove}}
}

// forgedSession is one that no sensor of ours has.
const forgedSession = 0xBAD5EED

func hello(kid link.KeyID) []byte {
	h := link.Hello{
		Version: link.Version, Capabilities: link.CapSealed, MaxFrame: link.MaxFrame, Session: forgedSession, Base: 1,
		KeyID: kid, Firmware: []byte("forged"),
	}
	return link.AppendFrame(nil, h.Append(nil))
}

// forged is a heart rate of 0, sealed in perfect form with a key of the attacker's.
func forged() []byte {
	var seed, secret [keys.SecretSize]byte
	rand.Read(seed[:])
	rand.Read(secret[:])
	anchor := seal.Anchor{Site: siteName, Boot: 1, Heartbeat: 1000, Suite: keys.AlgChaCha20Poly1305}
	rand.Read(anchor.Salt[:])
	anchor.Recipients = []seal.Recipient{}
	sealer := seal.NewSealer(keys.NewEd25519(&seed))
	if _, err := sealer.Begin(nil, &anchor, &secret); err != nil {
		panic("an anchor in perfect form is refused: " + err.Error()) // it is the same each time
	}
	zero := vital.Batch{Numerics: []vital.Numeric{{Code: vital.HeartRate, Unit: vital.BeatsPerMinute, Value: vital.Int(0)}}}
	payload, err := zero.Append(nil)
	if err != nil {
		panic("a heart rate of 0 is refused: " + err.Error()) // it is the same each time
	}
	message, err := sealer.Seal(nil, payload)
	if err != nil {
		panic("a payload in perfect form is refused: " + err.Error()) // it is the same each time
	}
	return message
}
