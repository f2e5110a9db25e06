package c_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"testing"

	"github.com/veraison/go-cose"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// receiver is the other end of a C device: it knows its public key and K_dev[0].
type receiver struct {
	public keys.PublicKey
	psk    [keys.SecretSize]byte
	anchor seal.Anchor // the newest
	before seal.Checkpoint
	opener *seal.Opener
	check  seal.Checkpoint // of the newest message
	salts  map[[keys.SaltSize]byte]bool
}

// newDevice has the peer make a device with this algorithm: an ES256 key of PSA's
// own, or an Ed25519 key that Go signs with, as a secure element would.
func newDevice(t *testing.T, p *peer, alg keys.Algorithm) *receiver {
	t.Helper()
	r := &receiver{salts: map[[keys.SaltSize]byte]bool{}}
	rand.Read(r.psk[:])
	public := ""
	if alg == keys.AlgEd25519 {
		var seed [keys.SecretSize]byte
		rand.Read(seed[:])
		p.signer = keys.NewEd25519(&seed)
		key := p.signer.Public()
		public = hex.EncodeToString(key.Bytes())
	}
	raw := p.must(t, "device %d %x %s", alg, r.psk, public)
	var err error
	if r.public, err = keys.NewPublicKey(alg, raw); err != nil {
		t.Fatal(err)
	}
	return r
}

// verify parses and verifies a message with Go and with go-cose.
func (r *receiver) verify(t *testing.T, message []byte) seal.Verified {
	t.Helper()
	e, err := seal.Parse(message)
	if err != nil {
		t.Fatalf("%x: %v", message, err)
	}
	var verifier seal.Verifier
	v, err := verifier.Verify(e, &r.public)
	if err != nil {
		t.Fatal(err)
	}
	var m cose.Sign1Message
	if err := m.UnmarshalCBOR(message); err != nil {
		t.Fatalf("go-cose: %v", err)
	}
	if err := m.Verify([]byte("VSE1"), coseVerifier{r.public}); err != nil {
		t.Fatalf("go-cose: %v", err)
	}
	if err := m.Verify([]byte("VSE2"), coseVerifier{r.public}); err == nil {
		t.Fatal("go-cose verifies with other external data")
	}
	return v
}

// takeAnchor verifies an anchor and derives its content secret.
func (r *receiver) takeAnchor(t *testing.T, message []byte) {
	t.Helper()
	v := r.verify(t, message)
	a, err := v.Anchor()
	if err != nil {
		t.Fatal(err)
	}
	if a.Boot <= r.anchor.Boot || r.anchor.Boot > 0 && a.Generation <= r.anchor.Generation || r.salts[a.Salt] {
		t.Fatalf("boot %d, generation %d and salt %x after %d, %d", a.Boot, a.Generation, a.Salt, r.anchor.Boot, r.anchor.Generation)
	}
	r.salts[a.Salt] = true
	psk, err := keys.NewSoftwarePSK(r.public.ID(), 0, &r.psk)
	if err != nil {
		t.Fatal(err)
	}
	var secret [keys.SecretSize]byte
	if err := psk.Advance(a.Generation); err != nil {
		t.Fatal(err)
	}
	if err := psk.ContentSecret(&secret, r.public.ID(), a.Boot, &a.Salt); err != nil {
		t.Fatal(err)
	}
	if r.opener, err = seal.NewOpener(v, &secret); err != nil { // holds the commitment
		t.Fatal(err)
	}
	r.before = r.check
	r.anchor, r.check = a, seal.Checkpoint{EID: v.EID(), Head: v.Head()}
}

// open verifies a batch and its place in the chain and returns its payload.
func (r *receiver) open(t *testing.T, message []byte) []byte {
	t.Helper()
	v := r.verify(t, message)
	if v.EID() != r.check.EID || v.Seq() != r.check.Seq+1 || v.Prev() != r.check.Head {
		t.Fatalf("message %d of %v on %x, want %d of %v on %x", v.Seq(), v.EID(), v.Prev(), r.check.Seq+1, r.check.EID, r.check.Head)
	}
	payload, err := r.opener.Open(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	r.check.Seq, r.check.Head = v.Seq(), v.Head()
	return payload
}

// coseVerifier lends go-cose the fully specified algorithms of RFC 9864, which it
// does not know: it decodes the message, compares the header's algorithm with
// Algorithm, and makes the Sig_structure.
type coseVerifier struct{ key keys.PublicKey }

func (v coseVerifier) Algorithm() cose.Algorithm { return cose.Algorithm(v.key.Algorithm()) }

func (v coseVerifier) Verify(content, signature []byte) error {
	raw := v.key.Bytes()
	if v.key.Algorithm() == keys.AlgEd25519 {
		if ed25519.Verify(raw, content, signature) {
			return nil
		}
		return cose.ErrVerification
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4}, raw...))
	if err != nil {
		return err
	}
	digest := sha256.Sum256(content)
	if len(signature) != 64 || !ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return cose.ErrVerification
	}
	return nil
}

// TestGoOpensWhatCSeals: a C device of each algorithm and suite, through three
// starts and past the end of epochs; Go verifies, opens and reads every message.
func TestGoOpensWhatCSeals(t *testing.T) {
	for _, alg := range []keys.Algorithm{keys.AlgESP256, keys.AlgEd25519} {
		for _, suite := range []keys.Algorithm{keys.AlgChaCha20Poly1305, keys.AlgA256GCM} {
			t.Run(fmt.Sprintf("alg %d suite %d", alg, suite), func(t *testing.T) {
				p := startPeer(t)
				r := newDevice(t, p, alg)
				for start := range 3 {
					r.takeAnchor(t, p.must(t, "begin %d 2 %d 250 %032x 30000 3 north", suite, 1790000000000+start, start))
					checkAnchor(t, r, suite, start)
					for n := range 13 {
						checkReadings(t, p, r, randomBatch(uint64(100*start+n)))
					}
					if start == 0 {
						p.must(t, "checkpoint")
					}
					p.must(t, "restart")
				}
			})
		}
	}
}

// checkAnchor compares what the anchor of a start says with what it should.
func checkAnchor(t *testing.T, r *receiver, suite keys.Algorithm, start int) {
	t.Helper()
	want := seal.Anchor{Site: "north", Boot: uint64(start + 1), Salt: r.anchor.Salt, Commitment: r.anchor.Commitment,
		EpochShift: 2, Suite: suite, Heartbeat: 30000, Clock: seal.Clock{UnixMilli: 1790000000000 + int64(start), Error: 250},
		Generation: uint32(start), Flags: seal.FlagTest | seal.FlagWeakEntropy}
	want.Beacon[15] = byte(start)
	switch start {
	case 1: // after an orderly stop
		want.Previous = r.before
	case 2: // after a power cut: the anchor is all that is known
		want.Previous = seal.Checkpoint{EID: r.before.EID, Head: seal.Head(r.anchor.Previous.Head)}
		if r.anchor.Previous.Head == r.before.Head || !bytes.HasPrefix(r.anchor.Previous.Head[:], r.before.EID[:]) {
			t.Errorf("previous is %v, want the anchor of %v", r.anchor.Previous, r.before.EID)
		}
	}
	if got := fmt.Sprintf("%+v", r.anchor); got != fmt.Sprintf("%+v", want) {
		t.Errorf("anchor is\n%s\nwant\n%+v", got, want)
	}
}

// checkReadings has C encode and seal a batch, and compares what Go reads.
func checkReadings(t *testing.T, p *peer, r *receiver, b *vital.Batch) {
	t.Helper()
	want, err := b.Append(nil)
	payload, n := p.encode(t, b)
	if err != nil {
		if n == 0 {
			t.Fatalf("C encodes what Go says is %v", err)
		}
		return
	}
	opened := r.open(t, p.must(t, "seal %x", payload))
	if !bytes.Equal(opened, want) {
		t.Fatalf("opens to %x, want %x", opened, want)
	}
	var back vital.Batch
	if err := back.Decode(opened); err != nil || back.Len() != b.Len() {
		t.Fatalf("%d readings, want %d, %v", back.Len(), b.Len(), err)
	}
}

// TestAlteredCMessages: every bit of a message of a C device counts.
func TestAlteredCMessages(t *testing.T) {
	p := startPeer(t)
	r := newDevice(t, p, keys.AlgESP256)
	r.takeAnchor(t, p.must(t, "begin 24 0 0 0 %032x 0 1 north", 0))
	message := p.must(t, "seal %x", "heart rate 72")
	for i := range 8 * len(message) {
		altered := bytes.Clone(message)
		altered[i/8] ^= 1 << (i % 8)
		e, err := seal.Parse(altered)
		if err != nil {
			continue
		}
		var verifier seal.Verifier
		if _, err := verifier.Verify(e, &r.public); err == nil {
			t.Errorf("bit %d: verifies", i)
		}
	}
}

// FuzzSeal has Go's fuzzer choose payloads: whatever C seals, Go opens. Ed25519,
// because PSA's ECDSA would take nearly all of the time.
func FuzzSeal(f *testing.F) {
	f.Add([]byte("heart rate 72"), false)
	f.Add(make([]byte, 300), true)
	p := startPeer(f)
	f.Fuzz(func(t *testing.T, payload []byte, gcm bool) {
		suite := 24
		if gcm {
			suite = 3
		}
		r := newDevice(t, p, keys.AlgEd25519)
		r.takeAnchor(t, p.must(t, "begin %d 1 0 0 %032x 0 1 north", suite, 0))
		for range 3 {
			message, n := p.do(t, "seal %x", payload)
			if tooLong := len(payload) == 0 || len(payload) > seal.MaxPayload; tooLong != (n != 0) {
				t.Fatalf("%d bytes: error %d", len(payload), n)
			} else if !tooLong && !bytes.Equal(r.open(t, message), payload) {
				t.Fatal("opens to something else")
			}
		}
	})
}
