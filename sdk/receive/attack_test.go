package receive_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// TestAttacks tries, against a receiver that has a chain with one message, what
// somebody on the broker can do. None may show a reading, and the true message
// that comes next must be shown.
func TestAttacks(t *testing.T) {
	type scene struct {
		*rig
		victim, other *device
		anchor, first []byte
	}
	for _, attack := range []struct {
		name string
		want receive.Verdict
		make func(*scene) receive.Message
	}{
		{"forged with an own key", receive.WrongDevice, func(s *scene) receive.Message {
			forger := newDevice(s.t, 66)
			forger.begin()
			return s.message(forger.reading(0))
		}},
		{"forged with an own key on the victim's topic", receive.WrongDevice, func(s *scene) receive.Message {
			forger := newDevice(s.t, 66)
			forger.begin()
			m := s.message(forger.reading(0))
			m.Device = s.victim.kid()
			return m
		}},
		{"forged in the victim's name", receive.BadSignature, func(s *scene) receive.Message {
			forger := newDevice(s.t, 66)
			forger.begin()
			return s.message(graft(s.t, s.first, forger.reading(0), 0))
		}},
		{"header of the victim, body of another device", receive.BadSignature, func(s *scene) receive.Message {
			return s.message(graft(s.t, s.first, s.other.reading(0), 0))
		}},
		{"body of the victim, signature of another message", receive.BadSignature, func(s *scene) receive.Message {
			return s.message(graft(s.t, s.other.reading(0), s.victim.clone().rebegun().reading(0), 0, 1))
		}},
		{"another device's message on the victim's topic", receive.WrongDevice, func(s *scene) receive.Message {
			m := s.message(s.other.reading(0))
			m.Device = s.victim.kid()
			return m
		}},
		{"topic of another site", receive.WrongSite, func(s *scene) receive.Message {
			m := s.message(s.first)
			m.Site = "ward-4"
			return m
		}},
		{"anchor of another site", receive.WrongSite, func(s *scene) receive.Message {
			c := s.victim.clone()
			c.tweak = func(a *seal.Anchor) { a.Site = "ward-4" }
			return s.message(c.begin())
		}},
		{"message under an anchor of another site", receive.WrongSite, func(s *scene) receive.Message {
			c := s.victim.clone()
			c.tweak = func(a *seal.Anchor) { a.Site = "ward-4" }
			s.send(c.begin())
			return s.message(c.reading(0))
		}},
		{"replayed at once", receive.Duplicate, func(s *scene) receive.Message { return s.message(s.first) }},
		{"replayed the next day", receive.Replay, func(s *scene) receive.Message {
			s.now = s.now.Add(24 * time.Hour)
			return s.message(s.first)
		}},
		{"replayed the next day, after a restart", receive.Replay, func(s *scene) receive.Message {
			s.now = s.now.Add(24 * time.Hour)
			s.restart()
			return s.message(s.first)
		}},
		{"rolled back", receive.Rollback, func(s *scene) receive.Message {
			c := s.victim.clone()
			c.boot -= 2
			return s.message(c.begin())
		}},
		{"forked", receive.Fork, func(s *scene) receive.Message {
			return s.message(s.victim.clone().rebegun().reading(0))
		}},
		{"revoked", receive.Revoked, func(s *scene) receive.Message {
			entry := s.ros.devices[s.other.kid()]
			entry.Revoked = s.now
			s.ros.devices[s.other.kid()] = entry
			return s.message(s.other.reading(0))
		}},
		{"expired", receive.Revoked, func(s *scene) receive.Message {
			entry := s.ros.devices[s.other.kid()]
			entry.NotAfter = s.now.Add(-time.Second)
			s.ros.devices[s.other.kid()] = entry
			return s.message(s.other.reading(0))
		}},
		{"a key of another algorithm", receive.WrongDevice, func(s *scene) receive.Message {
			p, err := keys.NewP256(&[32]byte{31: 1})
			if err != nil {
				s.t.Fatal(err)
			}
			s.ros.devices[s.other.kid()] = receive.Device{Key: p.Public()}
			return s.message(s.other.reading(0))
		}},
		{"oversized", receive.Malformed, func(s *scene) receive.Message {
			return s.message(append(bytes.Clone(s.first), make([]byte, seal.MaxMessage)...))
		}},
		{"with a trailing byte", receive.Malformed, func(s *scene) receive.Message {
			return s.message(append(bytes.Clone(s.first), 0))
		}},
		{"empty", receive.Malformed, func(s *scene) receive.Message { return s.message(nil) }},
	} {
		t.Run(attack.name, func(t *testing.T) {
			s := &scene{victim: newDevice(t, 1), other: newDevice(t, 2)}
			s.rig = newRig(t, s.victim, s.other)
			s.anchor = s.victim.begin()
			s.want(receive.Valid, s.anchor)
			s.want(receive.Valid, s.other.begin())
			s.first = s.victim.reading(97)
			s.want(receive.Valid, s.first)
			next := s.victim.reading(96)
			s.lines()
			m := attack.make(s)
			s.lines()
			if res := s.handle(m); res.Verdict != attack.want {
				t.Fatalf("verdict %q (%s), want %q", res.Verdict, res.Reason, attack.want)
			}
			got := s.lines()
			if len(got) != 1 || got[0].Verdict != attack.want.String() || got[0].Value != nil || got[0].Reason == "" {
				t.Errorf("lines %+v", got)
			}
			s.want(receive.Valid, next)
			s.wantLines("valid 96")
		})
	}
}

// rebegun begins the chain of the original once more: same boot, same salt.
func (d *device) rebegun() *device {
	d.boot--
	d.begin()
	return d
}

// graft returns message b with the given items (0 protected header, 1 payload,
// 2 signature) of message a.
func graft(t testing.TB, a, b []byte, items ...int) []byte {
	t.Helper()
	from, into := split(t, a), split(t, b)
	for _, i := range items {
		into[i] = from[i]
	}
	m := cbor.AppendArray(cbor.AppendTag(nil, 18), 4)
	m = cbor.AppendBytes(m, into[0])
	m = cbor.AppendMap(m, 0)
	m = cbor.AppendBytes(m, into[1])
	return cbor.AppendBytes(m, into[2])
}

func split(t testing.TB, m []byte) [3][]byte {
	t.Helper()
	r := cbor.NewReader(m)
	r.Tag()
	r.ArrayLen(4)
	var s [3][]byte
	s[0] = r.Bytes()
	r.MapLen(0)
	s[1], s[2] = r.Bytes(), r.Bytes()
	if err := r.Done(); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestEveryByte alters each byte of an anchor and of a batch, and cuts them at
// each length: nothing of it may be believed, shown or kept.
func TestEveryByte(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	anchor := d.begin()
	message := d.reading(97)
	refused := func(m []byte, what string, i int) {
		t.Helper()
		res := g.send(m)
		switch res.Verdict {
		case receive.Malformed, receive.BadSignature, receive.WrongDevice:
		default:
			t.Errorf("%s %d: verdict %q, pending %v", what, i, res.Verdict, res.Pending)
		}
	}
	for _, whole := range [][]byte{anchor, message} {
		for i := range whole {
			for _, flip := range []byte{0x01, 0x80, 0xff} {
				altered := bytes.Clone(whole)
				altered[i] ^= flip
				refused(altered, "byte", i)
			}
			refused(whole[:i], "cut at", i)
		}
	}
	if s := g.r.Stats(); s.Pending != 0 {
		t.Errorf("%d altered messages are held", s.Pending)
	}
	for _, l := range g.lines() {
		if l.Value != nil || l.Verdict == "valid" {
			t.Fatalf("line %+v", l)
		}
	}
	g.want(receive.Valid, anchor)
	g.want(receive.Valid, message)
	g.wantLines("valid anchor; valid 97")
}

// FuzzHandle gives a receiver arbitrary bytes: only what the device sealed may
// ever be valid.
func FuzzHandle(f *testing.F) {
	d := newDevice(f, 1)
	g := newRig(f, d)
	anchor := d.begin()
	message := d.reading(97)
	g.want(receive.Valid, anchor)
	g.want(receive.Valid, message)
	for _, seed := range [][]byte{anchor, message, {}, {0xd2, 0x84}, d.reading(1)[:40]} {
		f.Add(seed)
	}
	g.out.take()
	f.Fuzz(func(t *testing.T, payload []byte) {
		res, err := g.r.Handle(context.Background(), receive.Message{Site: site, Payload: payload, Received: g.now})
		if err != nil {
			t.Fatal(err)
		}
		known := bytes.Equal(payload, anchor) || bytes.Equal(payload, message)
		if res.Pending || res.Verdict == receive.Valid || known != (res.Verdict == receive.Duplicate) {
			t.Errorf("%x: %+v", payload, res)
		}
		for _, l := range parseLines(t, g.out.take()) {
			if l.Value != nil {
				t.Errorf("%x: line %+v", payload, l)
			}
		}
	})
}

// TestDropsAreBounded has a hostile device name the same thousand gaps in each
// of a thousand records of one message.
func TestDropsAreBounded(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	g.send(d.begin())
	var odd []receive.Message
	for i, m := range d.readings(2000) {
		if i%2 == 1 {
			odd = append(odd, g.message(m))
		}
	}
	if _, err := g.r.HandleBatch(context.Background(), odd); err != nil {
		t.Fatal(err)
	}
	var b vital.Batch
	for range 1000 {
		b.Drops = append(b.Drops, vital.Dropped{Reason: vital.DropStore, EID: d.sealer.Checkpoint().EID, From: 1, To: 2000})
	}
	g.out.take()
	g.want(receive.Valid, d.batch(&b))
	if n := bytes.Count(g.out.take(), []byte("\n")); n > 1000+300 {
		t.Errorf("one message wrote %d lines", n)
	}
}

// TestLyingGrant has a hostile device grant another content secret than its
// chain's, to show the grantee other readings. Whoever holds the anchor's secret,
// or an honest grant, notices.
func TestLyingGrant(t *testing.T) {
	recipient := seal.Recipient{Algorithm: keys.AlgHPKE4KE, Encapsulated: make([]byte, 32), Wrapped: make([]byte, 48)}
	grant := func(d *device) []byte {
		if _, _, err := d.sealer.GrantSecret(); err != nil {
			t.Fatal(err)
		}
		m, err := d.sealer.Grant(nil, recipient)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	rigged := func() (*rig, *device) {
		d := newDevice(t, 1)
		d.tweak = func(a *seal.Anchor) { a.EpochShift = 1 }
		return newRig(t, d), d
	}
	t.Run("to whom the anchor names", func(t *testing.T) {
		g, d := rigged()
		g.want(receive.Valid, d.begin())
		g.want(receive.Valid, d.reading(1))
		g.want(receive.Valid, d.reading(2))
		honest := grant(d)
		g.lines()
		g.want(receive.Valid, honest)
		g.wantLines("")
		g.want(receive.Fork, d.commit(honest, [32]byte{1}))
		if got := g.lines(); short(got) != "fork" || got[0].Reason == "" {
			t.Errorf("lines %+v", got)
		}
		g.want(receive.Valid, d.reading(3))
	})
	t.Run("to a grantee", func(t *testing.T) {
		g, d := rigged()
		granted := grantees{}
		g.r.Close()
		g.conf.Secrets = granted
		g.open()
		g.want(receive.Valid, d.begin())
		d.readings(3)
		first := grant(d) // of epoch 1
		d.readings(4)
		late := grant(d)
		epoch, secret, err := d.sealer.GrantSecret()
		if err != nil {
			t.Fatal(err)
		}
		granted[epoch] = secret
		g.want(receive.Valid, late)
		other := [32]byte{66}
		ratchet, err := keys.NewRatchet(keys.AlgChaCha20Poly1305, d.kid(), &[16]byte{byte(d.boot), byte(d.boot >> 8), 7}, 1, &other)
		if err != nil {
			t.Fatal(err)
		}
		var commitment [32]byte
		ratchet.Commitment(&commitment)
		granted[1] = other
		g.want(receive.Fork, d.commit(first, commitment))
		g.want(receive.Valid, d.reading(95))
	})
}

// grantees holds what grants give from some epochs on, and nothing of any anchor.
type grantees map[uint32][32]byte

func (grantees) ContentSecret(seal.Verified) ([32]byte, error) { return [32]byte{}, errNotARecipient }

func (s grantees) GrantSecret(_, grant seal.Verified) ([32]byte, error) {
	g, err := grant.Grant()
	return s[g.Epoch], err
}

// commit signs a grant anew with another commitment.
func (d *device) commit(grant []byte, commitment [32]byte) []byte {
	d.t.Helper()
	parts := split(d.t, grant)
	r := cbor.NewReader(parts[1])
	r.ArrayLen(5)
	r.Uint()
	payload := cbor.AppendBytes(cbor.AppendUint(cbor.AppendArray(nil, 5), 1), r.Bytes())
	payload = cbor.AppendUint(payload, r.Uint())
	r.Bytes()
	payload = cbor.AppendBytes(payload, commitment[:])
	return d.sign(parts[0], append(payload, parts[1][r.Offset():]...))
}

// sign makes a message of a payload that no Sealer would make.
func (d *device) sign(protected, payload []byte) []byte {
	d.t.Helper()
	tbs := cbor.AppendText(cbor.AppendArray(nil, 4), "Signature1")
	tbs = cbor.AppendBytes(cbor.AppendBytes(cbor.AppendBytes(tbs, protected), []byte("VSE1")), payload)
	signature, err := d.key.Sign(nil, tbs)
	if err != nil {
		d.t.Fatal(err)
	}
	m := cbor.AppendMap(cbor.AppendBytes(cbor.AppendArray(cbor.AppendTag(nil, 18), 4), protected), 0)
	return cbor.AppendBytes(cbor.AppendBytes(m, payload), signature)
}

// TestTwinAnchors has a device find two anchors with one EID, which takes 2^32
// hashes; here the state is edited instead, so that it has the chain of one under
// the name of the other.
func TestTwinAnchors(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	twin := d.clone()
	twin.tweak = func(a *seal.Anchor) { a.Salt[9] = 1 }
	first, second := d.begin(), twin.begin()
	g.want(receive.Valid, first)
	g.want(receive.Valid, d.reading(97))
	if err := g.r.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(g.conf.StatePath, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	kid, from, to := d.kid(), d.sealer.Checkpoint().EID, twin.sealer.Checkpoint().EID
	err = db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte("chains"))
		return b.Put(append(kid[:], to[:]...), bytes.Clone(b.Get(append(kid[:], from[:]...))))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	g.open()
	g.lines()
	g.want(receive.Duplicate, first)
	g.want(receive.Fork, second)
	if got := g.lines(); short(got) != "fork" || got[0].Reason == "" {
		t.Errorf("lines %+v", got)
	}
}
